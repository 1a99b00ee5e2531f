// A line of a log as a person on a terminal reads it, or as systemd's journal wants it.
import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import { wrapped } from './wrapped.js';

/** Goes to the begin of a terminal's line, and takes away what it has: mostly, how far something is. */
export const CLEAR_LINE = '\r\u{1b}[K';

/** What a JSON line becomes on this descriptor: words on a terminal, with its level for the journal, else what it is. */
export function logShape(fd: number): (json: string) => string {
  if (isatty(fd)) return (json) => terminalLogLine(json, columnsOf(fd));
  return isJournal(fd, process.env['JOURNAL_STREAM']) ? journalLogLine : (json) => json;
}

/** Whether a descriptor leads to the journal: systemd names the device and inode of that, systemd.exec(5). */
export function isJournal(fd: number, stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** A JSON line of our own logs with its level before it, as sd-daemon(3) has it: `<4>{…}`. */
export function journalLogLine(json: string): string {
  const level = /^\{"level":(\d+)/u.exec(json)?.[1] ?? '';
  return `<${PRIORITIES[level] ?? 6}>${json}`;
}

/**
 * Turns a JSON line of our own logs into `18:13:25 warn shop/3: worker exited: exited with code 1`: what it is about, what
 * happened, why, and then what else there is. Where it is wider than `width` it is broken between words.
 */
export function terminalLogLine(json: string, width: number = Infinity): string {
  let fields: Record<string, unknown>;
  try {
    fields = { ...(JSON.parse(json) as object) };
  } catch {
    return json;
  }
  const { level, time, name, event, siteId, workerId, error, message, reason, code, ...rest } = fields;
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  // The level says so already.
  const what = event === 'error' ? '' : shown(event ?? '').replaceAll(/[:.-]+/gu, ' ');
  const why = [error, message, reason].filter((value) => value !== undefined).map(shown);
  const others = Object.entries(rest).filter(([field]) => !FOR_PROGRAMS.has(field));
  const line = [
    `${clock} ${LEVELS[String(level)] ?? String(level)} ${shown(workerId ?? siteId ?? name)}`,
    ...(what === '' ? [] : [`: ${what}`]),
    ...(why.length === 0 ? [] : [`: ${why.join('; ')}`]),
    ...(typeof code === 'string' ? [` (${code})`] : []),
    ...others.map(([field, value]) => ` ${field}=${quoted(value)}`),
  ].join('');
  // Nothing that comes from a site steers a terminal.
  const text = line.replace(/\s*\n\s*/gu, '; ').replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return `${CLEAR_LINE}${wrapped(text, width).join('\n')}\n`;
}

/** As wide as the terminal is now; `Infinity` where that is not known. */
function columnsOf(fd: number): number {
  const stream = fd === 1 ? process.stdout : process.stderr;
  return (stream.isTTY && stream.columns) || Infinity;
}

/** In words; an error's stack is for those who read the log as JSON. */
function shown(value: unknown): string {
  const { message, code }: { message?: unknown; code?: unknown } = Object(value);
  if (typeof message === 'string') return typeof code === 'string' ? `${message} (${code})` : message;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function quoted(value: unknown): string {
  return typeof value === 'string' && /^[^\s"]+$/u.test(value) ? value : JSON.stringify(value);
}

/** Fields that say nothing more to a person. */
const FOR_PROGRAMS: ReadonlySet<string> = new Set([
  'pid',
  'workerPid',
  'generation',
  'asked',
  'expected',
  'what',
]);
const LEVELS: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** Of syslog: debug, informational, warning, error, critical. */
const PRIORITIES: Readonly<Record<string, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };
