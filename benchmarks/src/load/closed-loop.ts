// The client process: connections that each send a request, wait for the whole answer, check it, send the next.
import { connect } from 'node:net';
import { answerOf } from '../processes/answer.js';
import type { LoadPlan, LoadResult } from './load.js';

class ClosedLoop {
  readonly #plan: LoadPlan;
  readonly #request: string;
  readonly #body: string;
  readonly #latenciesMs: number[] = [];
  readonly #startedMs: number = performance.now();
  readonly #onEnd: (result: LoadResult) => void;
  #running: number;
  #errors = 0;

  constructor(plan: LoadPlan, onEnd: (result: LoadResult) => void) {
    this.#plan = plan;
    this.#onEnd = onEnd;
    this.#running = plan.connections;
    this.#body = answerOf(plan.host);
    const connection = plan.mode === 'close' ? 'Connection: close\r\n' : '';
    this.#request = `GET / HTTP/1.1\r\nHost: ${plan.host}\r\n${connection}\r\n`;
  }

  start(): void {
    for (let index = 0; index < this.#plan.connections; index += 1) this.#connect();
  }

  #connect(): void {
    if (this.#over()) return this.#leave();
    const socket = connect({ port: this.#plan.port, host: '127.0.0.1', noDelay: true });
    let sentMs = 0;
    let answer = '';
    let failed = false;
    const send = (): void => {
      answer = '';
      sentMs = performance.now();
      socket.write(this.#request);
    };
    socket.once('connect', send);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const whole = this.#judge(answer);
      if (whole === undefined) return;
      if (whole) this.#latenciesMs.push(performance.now() - sentMs);
      else this.#errors += 1;
      answer = '';
      sentMs = 0;
      if (this.#plan.mode === 'close' || this.#over()) socket.destroy();
      else send();
    });
    socket.on('error', () => {
      failed = true;
    });
    socket.once('close', () => {
      if (failed || sentMs !== 0) this.#errors += 1;
      this.#connect();
    });
  }

  /** Whether the answer is the right one; `undefined` while it is not whole. */
  #judge(answer: string): boolean | undefined {
    const head = answer.indexOf('\r\n\r\n');
    if (head === -1) return undefined;
    const length = Number(/^content-length: *(\d+)/im.exec(answer.slice(0, head))?.[1] ?? NaN);
    if (Number.isNaN(length)) return false;
    if (answer.length < head + 4 + length) return undefined;
    return answer.startsWith('HTTP/1.1 200 ') && answer.slice(head + 4) === this.#body;
  }

  #over(): boolean {
    return performance.now() - this.#startedMs >= this.#plan.durationMs;
  }

  #leave(): void {
    this.#running -= 1;
    if (this.#running > 0) return;
    const sorted = this.#latenciesMs.toSorted((one, other) => one - other);
    this.#onEnd({
      requests: sorted.length,
      seconds: (performance.now() - this.#startedMs) / 1000,
      errors: this.#errors,
      p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? NaN,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? NaN,
    });
  }
}

const loop = new ClosedLoop(JSON.parse(process.argv[2] ?? '') as LoadPlan, (result) => {
  process.send?.(result, () => process.disconnect());
});
loop.start();
