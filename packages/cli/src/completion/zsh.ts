// The completion script of zsh.
import type { Completes, CommandShape, OptionShape } from './program-shape.js';

/** Pure. To be sourced behind compinit, or to be put as _vhostd into a directory of $fpath. */
export function zshScript(commands: readonly CommandShape[]): string {
  return `#compdef vhostd
# Completion of vhostd in zsh: source <(vhostd completion zsh), behind compinit
_vhostd_sites() {
  local -a sites run_dir
  (( \${+opt_args[--run-dir]} )) && run_dir=(--run-dir "\${(Q)opt_args[--run-dir]}")
  sites=(\${(f)"$(vhostd completion sites $run_dir 2>/dev/null)"})
  compadd -a sites
}
_vhostd() {
  local context state line
  typeset -A opt_args
  _arguments -C '(- *)'{-h,--help}'[display help]' '(- *)'{-V,--version}'[print the version]' ': :->command' '*:: :->rest'
  case $state in
    command)
      local -a commands=(
${commands.map(({ name, summary }) => `        ${quote(`${name}:${summary}`)}`).join('\n')}
      )
      _describe command commands ;;
    rest)
      case $words[1] in
${commands.map(commandCase).join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == _vhostd ]]; then _vhostd "$@"; else compdef _vhostd vhostd; fi
`;
}

function commandCase({ name, options, takes }: CommandShape): string {
  const specs = [...options.flatMap(specsOf), quote(`*: :${actionOf(takes)}`)];
  return `        ${name}) _arguments ${specs.join(' ')} ;;`;
}

function specsOf({ flags, description, value }: OptionShape): string[] {
  const text = description.replaceAll(/[[\]\\:]/g, '\\$&');
  return flags.map((flag) => quote(`${flag}[${text}]${value === undefined ? '' : `: :${actionOf(value)}`}`));
}

function actionOf(what: Completes): string {
  if (what === 'nothing') return ' ';
  if (what === 'file') return '_files';
  if (what === 'directory') return '_files -/';
  return what === 'site' ? '_vhostd_sites' : `(${what.join(' ')})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
