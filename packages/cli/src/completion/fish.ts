// The completion script of fish.
import type { Completes, CommandShape, OptionShape } from './program-shape.js';

/** Pure. */
export function fishScript(commands: readonly CommandShape[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of vhostd in fish: vhostd completion fish | source
function __vhostd_sites
    set -l words (commandline -opc)
    set -l at (contains -i -- --run-dir $words)
    and set -l run_dir --run-dir $words[(math $at + 1)]
    or set -l run_dir (string match -- '--run-dir=*' $words)
    vhostd completion sites $run_dir 2>/dev/null
end
# Whether so many arguments of the command are before the cursor
function __vhostd_at
    set -l words (commandline -opc)
    set -l command
    set -l at 0
    set -l value
    for word in $words[2..-1]
        if test -n "$value"
            set value
            continue
        end
        switch "$command $word"
            case ${valued(commands)}
                set value it
            case '* -*'
            case '*'
                if test -z "$command"
                    set command $word
                else
                    set at (math $at + 1)
                end
        end
    end
    test "$command" = $argv[1]; and test $at $argv[2] $argv[3]
end
complete -c vhostd -f
complete -c vhostd -n "not __fish_seen_subcommand_from ${names}" -s h -l help -d 'display help'
complete -c vhostd -n "not __fish_seen_subcommand_from ${names}" -s V -l version -d 'print the version'
${commands.map(({ name, summary }) => `complete -c vhostd -n "not __fish_seen_subcommand_from ${names}" -a ${name} -d ${quote(summary)}`).join('\n')}
${commands.flatMap(linesOf).join('\n')}
`;
}

function valued(commands: readonly CommandShape[]): string {
  const words = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((flag) => quote(`${name} ${flag}`)),
    ),
  );
  return words.join(' ');
}

function linesOf({ name, options, takes, rest }: CommandShape): string[] {
  const each = takes.map((what, index) => argument(`${name} -eq ${index}`, what));
  const others = argument(`${name} -ge ${takes.length}`, rest);
  const condition = `complete -c vhostd -n "__fish_seen_subcommand_from ${name}"`;
  return [...each, others, ...options.map((option) => `${condition} ${optionOf(option)}`)].filter(
    (line) => line !== '',
  );
}

function argument(place: string, what: Completes): string {
  return what === 'nothing' ? '' : `complete -c vhostd -n "__vhostd_at ${place}" ${actionOf(what)}`;
}

function optionOf({ flags, description, value }: OptionShape): string {
  // With one hyphen and several letters, as -RV: an old-style option.
  const names = flags.map((flag) =>
    flag.startsWith('--')
      ? `-l ${flag.slice(2)}`
      : flag.length > 2
        ? `-o ${flag.slice(1)}`
        : `-s ${quote(flag.slice(1))}`,
  );
  const action =
    value === undefined ? [] : [`${value === 'file' ? '-r' : '-x'} ${actionOf(value)}`.trimEnd()];
  return [...names, ...action, '-d', quote(description)].join(' ');
}

function actionOf(what: Completes): string {
  if (what === 'file') return '-F';
  if (what === 'directory') return '-a "(__fish_complete_directories)"';
  if (what === 'site or file') return '-F -a "(__vhostd_sites)"';
  if (what === 'site') return '-a "(__vhostd_sites)"';
  return what === 'nothing' ? '' : `-a ${quote(what.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
