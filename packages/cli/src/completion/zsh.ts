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
_vhostd_sites_and_files() { _vhostd_sites; _files "$@" }
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

function commandCase({ name, options, takes, rest }: CommandShape): string {
  const each = takes.map((what, index) => quote(`${index + 1}: :${actionOf(what)}`));
  const specs = [...options.flatMap(specsOf), ...each, quote(`*: :${actionOf(rest)}`)];
  return `        ${name}) _arguments ${specs.join(' ')} ;;`;
}

function specsOf({ flags, description, value }: OptionShape): string[] {
  const text = description.replaceAll(/[[\]\\:]/g, '\\$&');
  return flags.map((flag) => {
    // Its value stands behind a blank, or an equals sign.
    const equals = flag.startsWith('--') ? '=' : '';
    return quote(`${flag}${value === undefined ? `[${text}]` : `${equals}[${text}]: :${actionOf(value)}`}`);
  });
}

function actionOf(what: Completes): string {
  if (what === 'nothing') return ' ';
  if (what === 'file') return '_files';
  if (what === 'directory') return '_files -/';
  if (what === 'site or file') return '_vhostd_sites_and_files';
  return what === 'site' ? '_vhostd_sites' : `(${what.join(' ')})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
