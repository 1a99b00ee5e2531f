// Lays out a table, and lines of text, for a terminal.
export { wrapped } from '@vhostd/protocol';

/** Two spaces between columns, each as wide as its widest cell; no space at the ends of lines. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, lengthOf(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - lengthOf(cell)))
      .join('  ')
      .trimEnd(),
  );
}

/** How wide a table may be on standard output: 80 where that is no terminal. */
export function tableWidth(): number {
  return process.stdout.columns ?? 80;
}

/** How wide a line may be on standard output; `Infinity` where no person reads it on a terminal. */
export function terminalWidth(): number {
  return process.stdout.columns ?? Infinity;
}

/** What does not fit is cut off. */
export function within(line: string, width: number): string {
  const characters = Array.from(line);
  return characters.length <= width ? line : `${characters.slice(0, width - 1).join('')}…`;
}

/** In characters as Unicode counts them; one that is twice as wide as others is not accounted for. */
function lengthOf(cell: string): number {
  return Array.from(cell).length;
}
