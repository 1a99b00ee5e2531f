// The log of a site, to a browser, as it comes.
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { EventStream } from './event-stream.js';
import type { LogBatch, LogLine } from './messages.js';

/** The lines that the workers of a site print. */
export interface DashboardLog {
  /** Those that have come since it was asked last; at first the last ones. */
  more(): LogLine[];
  close(): void;
}

/** Until the signal comes. Rejects with what `log` throws. */
export async function streamLog(log: DashboardLog, stream: EventStream, signal: AbortSignal): Promise<void> {
  try {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const lines = log.more();
      if (isFirst || lines.length > 0) stream.send('lines', batchOf(lines));
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    log.close();
  }
}

/** No more than a person can see: a site may print faster than a browser shows. */
function batchOf(lines: readonly LogLine[]): LogBatch {
  const shown = lines.slice(-LINES_MAX_COUNT);
  return {
    lines: shown.map((line) => ({ ...line, line: cut(stripVTControlCharacters(line.line)) })),
    leftOutCount: lines.length - shown.length,
  };
}

function cut(text: string): string {
  return text.length <= LINE_MAX_CHARS ? text : `${text.slice(0, LINE_MAX_CHARS)} …`;
}

const LOOK_MS = 500;
const LINES_MAX_COUNT = 500;
const LINE_MAX_CHARS = 4_000;
