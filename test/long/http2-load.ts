// Clients of HTTP/2 over TLS: each has a session with some streams at a time, checks each answer, and opens another
// session when the server ends one. A stream that a GOAWAY refused has not been begun, and is one to send again
// (RFC 9113 8.7): over TLS the server has no way to announce the GOAWAY before.
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { SEEN } from '../kit/echo-headers.js';
import { WrongAnswer } from '../kit/outcome.js';
import { Random } from '../kit/random.js';

export interface Http2LoadOptions {
  port: number;
  host: string;
  siteId: string;
  clientCount: number;
  streamCount: number;
  pauseMaxMs: number;
  seed: number;
  onLoss: (loss: { first: boolean; fromMs: number; detail: string }) => void;
}

export class Http2Load {
  okCount = 0;
  sessionCount = 0;
  /** Streams that were refused with the end of their session. */
  refusedCount = 0;
  readonly #options: Http2LoadOptions;
  readonly #clients: Promise<void>[];
  #stopping = false;

  constructor(options: Http2LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clientCount }, (_, index) =>
      this.#run(new Random(options.seed + index)),
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #run(random: Random): Promise<void> {
    while (!this.#stopping) {
      const fromMs = performance.now();
      try {
        await this.#session(random);
      } catch (error) {
        this.#options.onLoss({ first: true, fromMs, detail: `no session: ${String(error)}` });
        await delay(10);
      }
    }
  }

  /** One session, from its handshake until the server ends it. */
  async #session(random: Random): Promise<void> {
    const { port, host, streamCount } = this.#options;
    const session = connect(`https://127.0.0.1:${port}`, { servername: host, rejectUnauthorized: false });
    session.on('error', () => undefined);
    try {
      await once(session, 'connect', { signal: AbortSignal.timeout(60_000) });
      this.sessionCount += 1;
      const streams = Array.from({ length: streamCount }, () => this.#lane(session, random));
      await Promise.all(streams);
    } finally {
      session.destroy();
    }
  }

  /** One stream behind the other, as long as the session takes new ones. */
  async #lane(session: ClientHttp2Session, random: Random): Promise<void> {
    let leaves = false;
    let first = true;
    session.on('goaway', () => {
      leaves = true;
    });
    while (!this.#stopping && !leaves && !session.closed && !session.destroyed) {
      const fromMs = performance.now();
      try {
        await this.#exchange(session, random.integer(0, 16_384));
        this.okCount += 1;
      } catch (error) {
        if (leaves && /REFUSED_STREAM/.test(String(error))) this.refusedCount += 1;
        else this.#options.onLoss({ first, fromMs, detail: String(error) });
        return;
      }
      first = false;
      await delay(random.integer(0, this.#options.pauseMaxMs));
    }
  }

  /** One request. @throws {WrongAnswer} or what its stream ended with. */
  async #exchange(session: ClientHttp2Session, length: number): Promise<void> {
    const { host, siteId } = this.#options;
    const url = `/any?answer=${length}`;
    const stream = session.request({ ':path': url, ':authority': host });
    let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    let body = 0;
    stream.on('response', (received) => {
      headers = received;
    });
    const expected = Buffer.alloc(16_384, `${url} `);
    let equal = true;
    stream.on('data', (chunk: Buffer) => {
      equal &&= chunk.equals(expected.subarray(body, body + chunk.length));
      body += chunk.length;
    });
    stream.setTimeout(60_000, () => stream.destroy(new Error('timeout')));
    await once(stream, 'close');
    if (stream.rstCode !== 0 || headers[':status'] === undefined)
      throw new Error(`stream ended with ${stream.rstCode}, status ${headers[':status']}`);
    if (headers[':status'] !== 200) throw new WrongAnswer(`status ${headers[':status']}`);
    if (headers[SEEN.site] !== siteId)
      throw new WrongAnswer(`answered by site ${String(headers[SEEN.site])}`);
    if (!equal || body !== length) throw new WrongAnswer(`${body} bytes that are not the ${length} expected`);
  }
}
