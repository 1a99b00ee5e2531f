// Findings as people read them: what is so, and below it what to do.
import { colour } from '../colours.js';
import { terminalWidth, wrapped } from '../columns.js';
import { printableLine } from '../printable.js';
import type { Finding } from './finding.js';

/** Prints two lines a finding, and what is to be said of them all; broken at the width of the terminal. */
export function printReport(findings: readonly Finding[], summary: string): void {
  const lines = [...findingLines(findings), ...wrapped(printableLine(summary), terminalWidth())];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function findingLines(findings: readonly Finding[]): string[] {
  const width = terminalWidth();
  return findings.flatMap(({ level, subject, message, todo }) => {
    const [first = '', ...more] = wrapped(printableLine(`${level}: ${subject}: ${message}`), width);
    const told = wrapped(printableLine(todo), width - 2).map((line) => `  ${line}`);
    return [
      colour(level === 'error' ? 'red' : 'yellow', level) + first.slice(level.length),
      ...more,
      ...told,
    ];
  });
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ level }) => level === 'error');
}
