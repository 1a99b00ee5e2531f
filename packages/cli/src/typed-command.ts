// A command as it was typed, with something added: what to type next.

/**
 * `vhostd`, these arguments, and these options in place of those of the same name; an empty list of values is a flag
 * alone. What stands behind `--` stays there. Quoted for a shell where that is needed.
 */
export function typedCommand(
  options: Readonly<Record<string, readonly string[]>>,
  args: readonly string[] = process.argv.slice(2),
): string {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const kept: string[] = [];
  // How many words from here on belong to an option that is replaced.
  let dropCount = 0;
  for (const word of args.slice(0, end)) {
    const [name = '', value] = word.split('=', 2);
    if (word.startsWith('-')) {
      const [first] = options[name] ?? [];
      const valueCount = VARIADIC.has(name) ? Infinity : first === undefined || value !== undefined ? 0 : 1;
      dropCount = Object.hasOwn(options, name) ? valueCount + 1 : 0;
    }
    if (dropCount > 0) dropCount -= 1;
    else kept.push(word);
  }
  const added = Object.entries(options).flatMap(([name, values]) => [name, ...values]);
  return ['vhostd', ...kept, ...added, ...args.slice(end)].map(quoted).join(' ');
}

/** Options that take all words up to the next one. */
const VARIADIC: ReadonlySet<string> = new Set(['--host', '--env']);

/** As sh(1) reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
