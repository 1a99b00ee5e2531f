// The default log of a site: where it is, and how a line is written and read.
import path from 'node:path';
import type { LogRotation } from '../conf/site-conf.js';

/** Of which worker, and which of its streams. */
export interface LineOrigin {
  readonly siteId: string;
  readonly workerId: string;
  readonly stream: LogStream;
}

/** Which of a worker's streams. */
export type LogStream = 'stdout' | 'stderr';

/** What was written of a line. */
export interface StampedLine {
  /** ISO 8601, UTC, with milliseconds. */
  readonly time: string;
  readonly stream: LogStream;
  readonly workerId: string;
  readonly text: string;
}

/** Up to 40 MiB a site. */
export const DEFAULT_LOG_ROTATION: LogRotation = { maxBytes: 10 * 1024 * 1024, keepCount: 3 };

/** The directory of the default logs. */
export function defaultLogDirectory(stateDir: string): string {
  return path.join(stateDir, 'log');
}

export function defaultLogFile(stateDir: string, siteId: string): string {
  return path.join(defaultLogDirectory(stateDir), `${siteId}${EXTENSION}`);
}

/** The site whose default log has this name; undefined for another file. */
export function siteOfLogFile(name: string): string | undefined {
  return name.endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : undefined;
}

/** Whole lines as `2026-11-27T08:15:00.123Z out shop/3 TEXT`; `err` for standard error. To be read at once. */
export function stampedLines(lines: Buffer, { workerId, stream }: LineOrigin, nowMs: number): Buffer {
  return prefixed(lines, `${new Date(nowMs).toISOString()} ${NAMES[stream]} ${workerId} `);
}

/** Whole lines as objects with `time`, `stream`, `workerId` and `line`. To be read at once. */
export function jsonLines(lines: Buffer, origin: LineOrigin, nowMs: number): Buffer {
  return objects(lines, origin, nowMs, '');
}

/** {@link jsonLines} with the `siteId` before them: for where all sites print. */
export function jsonLinesOfSite(lines: Buffer, origin: LineOrigin, nowMs: number): Buffer {
  return objects(lines, origin, nowMs, `"siteId":${JSON.stringify(origin.siteId)},`);
}

function objects(lines: Buffer, { workerId, stream }: LineOrigin, nowMs: number, first: string): Buffer {
  const [time, worker] = [new Date(nowMs).toISOString(), JSON.stringify(workerId)];
  const head = `{${first}"time":"${time}","stream":"${stream}","workerId":${worker},"line":`;
  const texts = lines.toString('utf8', 0, lines.length - 1).split('\n');
  return inScratch(texts.map((line) => `${head}${JSON.stringify(line)}}\n`).join(''), 'utf8');
}

/** A line without its newline; undefined where it is not one of {@link jsonLines}. */
export function parseJsonLine(line: string): StampedLine | undefined {
  if (!line.startsWith('{"time":"')) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { time, stream, workerId, line: text }: Record<string, unknown> = { ...Object(fields) };
  if (typeof time !== 'string' || typeof workerId !== 'string' || typeof text !== 'string') return undefined;
  return stream === 'stdout' || stream === 'stderr' ? { time, stream, workerId, text } : undefined;
}

/** A line without its newline; undefined where it is not one of {@link stampedLines}. */
export function parseStampedLine(line: string): StampedLine | undefined {
  const [, time, name, workerId, text] = STAMPED.exec(line) ?? [];
  if (time === undefined || workerId === undefined || text === undefined) return undefined;
  return { time, stream: name === NAMES.stderr ? 'stderr' : 'stdout', workerId, text };
}

/**
 * Puts a text of ASCII before each line. As latin1, in which each byte is a character and stays what it is: many times
 * faster than line by line. What it gives is to be read at once: its memory may be used for the next lines.
 */
export function prefixed(lines: Buffer, prefix: string): Buffer {
  // One line, which may be the piece of one that never ends, needs no string.
  if (lines.indexOf(NEWLINE) === lines.length - 1 && prefix.length + lines.length <= SCRATCH.length) {
    const start = SCRATCH.write(prefix, 0, 'latin1');
    return SCRATCH.subarray(0, start + lines.copy(SCRATCH, start));
  }
  const text = lines.toString('latin1', 0, lines.length - 1);
  return inScratch(`${prefix}${text.replaceAll('\n', `\n${prefix}`)}\n`, 'latin1');
}

/** A text as bytes, in memory that the next one is put in as well. */
function inScratch(text: string, encoding: 'latin1' | 'utf8'): Buffer {
  const maxBytes = encoding === 'utf8' ? text.length * UTF8_MAX_BYTES : text.length;
  if (maxBytes > SCRATCH.length) return Buffer.from(text, encoding);
  return SCRATCH.subarray(0, SCRATCH.write(text, 0, encoding));
}

const NEWLINE = 0x0a;
/** Of a character of UTF-16. */
const UTF8_MAX_BYTES = 3;
/** More than is put together at a time, save for the longest lines. */
const SCRATCH = Buffer.allocUnsafeSlow(262_144);

const EXTENSION = '.log';
const NAMES = { stdout: 'out', stderr: 'err' } as const;
const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (out|err) (\S+) (.*)$/su;
