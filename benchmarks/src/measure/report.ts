// How results are printed: one row a question, with its target and whether it is met.

/** One figure with its target. */
export interface Row {
  what: string;
  /** Absent: could not be measured; `note` says why. */
  value?: number;
  unit: string;
  /** Figures of the rounds that are farthest apart. */
  spread?: { low: number; high: number };
  target?: { atLeast: number } | { atMost: number } | undefined;
  note?: string;
}

/** The row as one line. */
export function formatRow(row: Row): string {
  const { what, value, unit, spread, target, note } = row;
  if (value === undefined) return `  ${what.padEnd(WHAT_WIDTH)} not measured: ${note ?? 'no reason given'}`;
  const range = spread === undefined ? '' : ` (${figure(spread.low)} to ${figure(spread.high)})`;
  const verdict =
    target === undefined ? '' : `  ${isMet(row) ? 'MET' : 'MISSED'}, target ${targetText(target)}`;
  return `  ${what.padEnd(WHAT_WIDTH)} ${figure(value)} ${unit}${range}${verdict}${note === undefined ? '' : `  [${note}]`}`;
}

/** Whether a row with a target and a figure meets it. */
export function isMet({ value, target }: Row): boolean {
  if (value === undefined || target === undefined) return true;
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

function targetText(target: NonNullable<Row['target']>): string {
  return 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}

const WHAT_WIDTH = 62;
