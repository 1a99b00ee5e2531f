// Figures and times as people read them.

export const NONE = '–';

export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** So many in a second: `0.3`, `12.0`, `1,240`. */
export function formatRate(value: number): string {
  return value >= 100 ? formatCount(value) : value.toFixed(1);
}

/** A share of one processor. */
export function formatShare(share: number): string {
  const percent = share * 100;
  return `${percent < 10 && percent > 0 ? percent.toFixed(1) : String(Math.round(percent))} %`;
}

export function formatBytes(bytes: number): string {
  if (bytes >= GIB) return `${(bytes / GIB).toFixed(2)} GB`;
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB && bytes > 0 ? 1 : 0)} MB`;
}

/** The two largest units: `3d 4h`, `12m 5s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0s';
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}

/** The time of the day, here; with the day where that is another one. */
export function formatTime(time: number | string): string {
  const date = new Date(time);
  const clock = date.toLocaleTimeString('en-GB');
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock : `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clock}`;
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

const MIB = 1_048_576;
const GIB = 1_024 * MIB;
