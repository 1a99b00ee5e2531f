// The table of the question what survives: a line for each fault, group of clients and system.
import { failedCount } from '../load/outcome.js';
import type { Outcome } from '../load/outcome.js';
import type { Fault } from '../servers/system.js';

export interface SurvivalLine {
  /** The fault, how often, and the clients. */
  what: string;
  fault: Fault;
  keepAlive: boolean;
  system: string;
  outcome: Outcome;
}

/** The lines as a Markdown table, whose columns are aligned for a terminal. */
export function survivalTable(lines: readonly SurvivalLine[]): string[] {
  const rows = lines.map(({ what, system, outcome }, index) => [
    what === lines[index - 1]?.what ? '' : what,
    system,
    String(outcome.sent),
    failed(outcome),
    String(outcome.closed),
    String(outcome.announced),
    `${Math.round(outcome.longestGapMs)} ms${outcome.down ? ', to the end' : ''}`,
  ]);
  const widths = HEAD.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function failed(outcome: Outcome): string {
  const count = failedCount(outcome);
  if (count === 0) return '0';
  const kinds = [
    ['refused', outcome.refused],
    ['reset', outcome.reset],
    ['timed out', outcome.timedOut],
    ['wrong', outcome.wrong],
  ] as const;
  const parts = kinds.filter(([, part]) => part > 0).map(([kind, part]) => `${part} ${kind}`);
  return `${count} (${parts.join(', ')})`;
}

const HEAD = ['fault', 'system', 'requests', 'failed', 'closed', 'announced', 'longest gap'];
