// Tells a collector the metrics, again and again. One that is slow or gone costs the master an attempt each interval:
// nothing is kept for it, since counters count on.
import http from 'node:http';
import { hostname } from 'node:os';
import type { MetricFamily } from '@vhostd/protocol';
import type { OtlpConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import { VERSION } from '../version.js';
import { otlpRequest } from './otlp-json.js';

export class OtlpPush {
  readonly #families: () => MetricFamily[];
  readonly #events: MasterEvents;
  #running:
    | { readonly conf: string; readonly endpoint: string; readonly stop: AbortController; fault?: string }
    | undefined;

  constructor(families: () => MetricFamily[], events: MasterEvents) {
    this.#families = families;
    this.#events = events;
  }

  /** The collector, and why the last attempt has failed; undefined where the conf names none. */
  get standing(): { endpoint: string; fault?: string } | undefined {
    if (this.#running === undefined) return undefined;
    const { endpoint, fault } = this.#running;
    return { endpoint, ...(fault === undefined ? {} : { fault }) };
  }

  /** Begins, goes on as it does, or ends with undefined. */
  follow(conf: OtlpConf | undefined): void {
    const text = conf === undefined ? undefined : JSON.stringify(conf);
    if (text === this.#running?.conf) return;
    this.#running?.stop.abort();
    this.#running = undefined;
    if (conf === undefined || text === undefined) return;
    const stop = new AbortController();
    const running = { conf: text, endpoint: conf.endpoint, stop };
    this.#running = running;
    this.#repeat(conf, running);
  }

  /** No attempt begins before the one before it has ended. */
  #repeat(conf: OtlpConf, running: { readonly stop: AbortController; fault?: string }): void {
    const { endpoint, intervalMs } = conf;
    const stop = running.stop.signal;
    let failureCount = 0;
    const attempt = async (): Promise<void> => {
      try {
        await this.#push(conf, stop);
        if (failureCount > 0) this.#events.emit('metrics.push-resumed', { endpoint, failureCount });
        failureCount = 0;
        delete running.fault;
      } catch (error) {
        if (stop.aborted) return;
        failureCount += 1;
        const message = error instanceof Error ? error.message : String(error);
        running.fault = message;
        // Once, not each time.
        if (failureCount === 1) this.#events.emit('metrics.push-failed', { endpoint, message });
      }
      if (!stop.aborted) plan();
    };
    let timer: NodeJS.Timeout;
    const plan = (): void => {
      timer = setTimeout(() => void attempt(), intervalMs).unref();
    };
    stop.addEventListener('abort', () => clearTimeout(timer));
    plan();
  }

  async #push({ endpoint, headers, intervalMs }: OtlpConf, stop: AbortSignal): Promise<void> {
    const origin = {
      version: VERSION,
      machine: hostname(),
      pid: process.pid,
      startMs: performance.timeOrigin,
      nowMs: Date.now(),
    };
    const body = JSON.stringify(otlpRequest(this.#families(), origin));
    const limitMs = Math.min(intervalMs, LIMIT_MS);
    const limit = AbortSignal.timeout(limitMs);
    const signal = AbortSignal.any([stop, limit]);
    const { status, text } = await post(endpoint, { headers, body, signal }).catch((error: unknown) => {
      throw limit.aborted ? new Error(`the collector has not answered within ${limitMs} ms`) : error;
    });
    if (status < 200 || status > 299) throw new Error(`the collector answers ${status}`);
    const rejected = rejectedCount(text);
    if (rejected > 0) throw new Error(`the collector rejects ${rejected} data points`);
  }
}

async function post(
  endpoint: string,
  { headers, body, signal }: { headers: OtlpConf['headers']; body: string; signal: AbortSignal },
): Promise<{ status: number; text: string }> {
  const { request } = endpoint.startsWith('https:') ? await import('node:https') : http;
  return await new Promise((resolve, reject) => {
    const own = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const asked = request(endpoint, {
      method: 'POST',
      headers: { ...headers, ...own },
      signal,
      agent: false,
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_MAX_CHARS)
          asked.destroy(new Error('the answer of the collector is too long'));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.end(body);
  });
}

/** Of an ExportMetricsServiceResponse; any other answer says nothing. */
function rejectedCount(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      partialSuccess?: { rejectedDataPoints?: string | number };
    };
    return Number(partialSuccess?.rejectedDataPoints ?? 0) || 0;
  } catch {
    return 0;
  }
}

const LIMIT_MS = 10_000;
const ANSWER_MAX_CHARS = 65_536;
