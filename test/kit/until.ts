// Waits for something that announces itself by no event: another process's counters, /proc.
import { setTimeout as delay } from 'node:timers/promises';

/** The state of something that is asked again and again until it is as wanted. */
export interface Probe<T> {
  done: boolean;
  value: T;
}

/**
 * Asks until the probe is done and returns its value. Rejects after `limitMs` with the last value, so that the
 * limit only decides how long a failure takes. The pauses grow: what comes at once is seen at once, and who waits
 * for long costs the others little.
 */
export async function until<T>(
  what: string,
  probe: () => Probe<T> | Promise<Probe<T>>,
  limitMs = 60_000,
): Promise<T> {
  const deadlineMs = performance.now() + limitMs;
  for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(pauseMs * 1.5, PAUSE_MAX_MS)) {
    const { done, value } = await probe();
    if (done) return value;
    if (performance.now() > deadlineMs)
      throw new Error(`not within ${limitMs} ms: ${what}; last seen: ${JSON.stringify(value)}`);
    await delay(pauseMs);
  }
}

/** Rejects when a promise takes longer than a limit that only a hang exceeds. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

const PAUSE_MIN_MS = 5;
const PAUSE_MAX_MS = 50;
