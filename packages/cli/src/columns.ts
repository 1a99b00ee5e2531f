// Lays out a table for a terminal.

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

/** In characters as Unicode counts them; one that is twice as wide as others is not accounted for. */
function lengthOf(cell: string): number {
  return Array.from(cell).length;
}
