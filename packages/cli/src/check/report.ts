// Findings as people read them: what is so, and below it what to do.
import { colour } from '../colours.js';
import { printableLine } from '../printable.js';
import type { Finding } from './finding.js';

/** Two lines a finding. */
export function findingLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ level, subject, message, todo }) => [
    `${colour(level === 'error' ? 'red' : 'yellow', level)}: ${printableLine(`${subject}: ${message}`)}`,
    `  ${printableLine(todo)}`,
  ]);
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ level }) => level === 'error');
}
