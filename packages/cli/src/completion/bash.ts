// The completion script of bash.
import type { Completes, CommandShape } from './program-shape.js';

/** Pure. Needs bash 4 and nothing of bash-completion. */
export function bashScript(commands: readonly CommandShape[]): string {
  return `# Completion of vhostd in bash: eval "$(vhostd completion bash)"
_vhostd() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i
  local -a run_dir=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      --run-dir) run_dir=(--run-dir "\${COMP_WORDS[i+1]}"); ((i++)) ;;
      -*) ;;
      *) [[ -n $command ]] || command=\${COMP_WORDS[i]} ;;
    esac
  done
  if [[ -z $command ]]; then
    ${reply([...commands.map(({ name }) => name), '--help', '--version'])}
    return
  fi
  case "$command $prev" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $command in
${commands.map(({ name, options }) => `      ${name}) ${reply(options.flatMap(({ flags }) => flags))} ;;`).join('\n')}
    esac
    return
  fi
  case $command in
${commands.map(({ name, takes }) => `    ${name}) ${reply(takes)} ;;`).join('\n')}
  esac
}
complete -F _vhostd vhostd
`;
}

/** What stands behind an option that has a value. */
function valueCases({ name, options }: CommandShape): string[] {
  return options.flatMap(({ flags, value }) => {
    if (value === undefined) return [];
    return [`    ${flags.map((flag) => `"${name} ${flag}"`).join(' | ')}) ${reply(value)}; return ;;`];
  });
}

function reply(what: Completes): string {
  if (what === 'nothing') return ':';
  if (what === 'file')
    return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
  if (what === 'directory')
    return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
  const words =
    what === 'site' ? '"$("${COMP_WORDS[0]}" completion sites "${run_dir[@]}" 2>/dev/null)"' : quoted(what);
  return `mapfile -t COMPREPLY < <(compgen -W ${words} -- "$cur")`;
}

function quoted(words: readonly string[]): string {
  return `'${words.join(' ')}'`;
}
