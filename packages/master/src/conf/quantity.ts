// Durations and sizes as people write them. A text always carries its unit, so that nothing has to be guessed.
import ms from 'ms';

/** What the text of a duration looks like; `ms` reads the units. */
export const DURATION_PATTERN: RegExp =
  /^\d{1,10}(\.\d{1,3})? ?(ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$/;

/** What the text of a size looks like. */
export const SIZE_PATTERN: RegExp = /^\d{1,10}(\.\d{1,3})? ?([kKmMgG]?[bB]|[kKmMgG])$/;

/**
 * Milliseconds of `'10s'`, `'1.5 minutes'` or a number of milliseconds, rounded to whole ones; undefined if
 * the text is no duration or has no unit, or if the number is fractional, negative or not finite.
 */
export function parseDuration(written: string | number): number | undefined {
  if (typeof written === 'number') return wholeNumber(written);
  return isDurationText(written) ? Math.round(ms(written)) : undefined;
}

/**
 * Bytes of `'64kb'`, `'1.5mb'` or a number of bytes, rounded to whole ones; undefined if it is no size. The
 * units are powers of 1024: `b`, `kb`, `mb`, `gb`, or `k`, `m`, `g`, in either case.
 */
export function parseSize(written: string | number): number | undefined {
  if (typeof written === 'number') return wholeNumber(written);
  const unit = SIZE_PATTERN.exec(written)?.[2]?.toLowerCase();
  if (unit === undefined) return undefined;
  const power = SIZE_UNITS.findIndex((name) => name === unit || name === `${unit}b`);
  return Math.round(Number.parseFloat(written) * 1024 ** power);
}

/** What is wrong with the text of a duration that has no unit; undefined where it is something else. */
export function durationWithoutUnit(written: string): string | undefined {
  return withoutUnit(written, ['s', 'ms']);
}

/** As {@link durationWithoutUnit}, of a size. */
export function sizeWithoutUnit(written: string): string | undefined {
  return withoutUnit(written, ['kb', 'b']);
}

/** Text that {@link parseDuration} reads back: the largest unit that divides it evenly. */
export function formatDuration(durationMs: number): string {
  const unit = DURATION_UNITS.find(([, unitMs]) => durationMs >= unitMs && durationMs % unitMs === 0);
  return unit === undefined ? `${durationMs}ms` : `${durationMs / unit[1]}${unit[0]}`;
}

/** Text that {@link parseSize} reads back: the largest unit that divides it evenly. */
export function formatSize(bytes: number): string {
  const power =
    [3, 2, 1].find((exponent) => bytes >= 1024 ** exponent && bytes % 1024 ** exponent === 0) ?? 0;
  return `${bytes / 1024 ** power}${SIZE_UNITS[power] ?? 'b'}`;
}

const SIZE_UNITS: readonly string[] = ['b', 'kb', 'mb', 'gb'];
const DURATION_UNITS: readonly (readonly [unit: string, unitMs: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

function withoutUnit(written: string, [one, other]: readonly [string, string]): string | undefined {
  if (!/^\d{1,10}(\.\d{1,3})?$/.test(written)) return undefined;
  return `"${written}" has no unit: write '${written}${one}' or '${written}${other}'`;
}

function wholeNumber(value: number): number | undefined {
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isDurationText(text: string): text is ms.StringValue {
  return DURATION_PATTERN.test(text);
}
