// The completion script of bash.
import type { Completes, CommandShape } from './program-shape.js';

/** Pure. Needs bash 4 and nothing of bash-completion. */
export function bashScript(commands: readonly CommandShape[]): string {
  return `# Completion of vhostd in bash: eval "$(vhostd completion bash)"
_vhostd() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i at=0
  local -a run_dir=()
  COMPREPLY=()
  # bash takes --option=value apart
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    local word=\${COMP_WORDS[i]} next=$((i + 1))
    [[ \${COMP_WORDS[next]} == = ]] && ((next++))
    [[ $word == --run-dir ]] && run_dir=(--run-dir "\${COMP_WORDS[next]}")
    case "$command $word" in
${valued(commands)}
      *' '-*) ;;
      *) if [[ -z $command ]]; then command=$word; else ((at++)); fi ;;
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
  case "$command $at" in
${commands.flatMap(argumentCases).join('\n')}
  esac
}
complete -F _vhostd vhostd
`;
}

/** The option's value is passed over, and no argument. */
function valued(commands: readonly CommandShape[]): string {
  const words = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((flag) => `"${name} ${flag}"`),
    ),
  );
  return `      ${words.join(' | ')}) i=$next ;;`;
}

function argumentCases({ name, takes, rest }: CommandShape): string[] {
  const each = takes.map((what, index) => `    "${name} ${index}") ${reply(what)} ;;`);
  return [...each, `    "${name} "*) ${reply(rest)} ;;`];
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
  if (what === 'site or file') {
    const sites = reply('site').replace('COMPREPLY', 'sites');
    return `local -a sites; ${sites}; ${reply('file')}; COMPREPLY+=("\${sites[@]}")`;
  }
  const words =
    what === 'site' ? '"$("${COMP_WORDS[0]}" completion sites "${run_dir[@]}" 2>/dev/null)"' : quoted(what);
  return `mapfile -t COMPREPLY < <(compgen -W ${words} -- "$cur")`;
}

function quoted(words: readonly string[]): string {
  return `'${words.join(' ')}'`;
}
