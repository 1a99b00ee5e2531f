// A client that sends exactly the bytes that a test wants, and reads HTTP/1 answers one after the other.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** One answer. */
export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
}

/** Options of a {@link WireClient}. */
export interface WireOptions {
  host?: string;
  /** The longest wait for anything, ms. Only a hang takes so long. */
  limitMs?: number;
}

const EMPTY = Buffer.alloc(0);

/** A connection to 127.0.0.1. */
export class WireClient {
  readonly socket: Socket;
  /** What was received and not read yet. */
  #received: Buffer = EMPTY;
  #port: number;
  #chunks: Buffer[] = [];
  #ended = false;
  #error: NodeJS.ErrnoException | undefined;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #limitMs: number;

  constructor(socket: Socket, limitMs = 60_000) {
    this.socket = socket;
    this.#limitMs = limitMs;
    this.#port = socket.localPort ?? 0;
    socket.once('connect', () => {
      this.#port = socket.localPort ?? 0;
    });
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    socket.on('end', () => this.#end(undefined));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(undefined));
  }

  /** Connects; rejects with the system's error code when it is refused. */
  static async open(port: number, { host = '127.0.0.1', limitMs }: WireOptions = {}): Promise<WireClient> {
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
    const client = new WireClient(socket, limitMs);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.destroy();
        reject(Object.assign(new Error(`no connection within ${client.#limitMs} ms`), { code: 'timeout' }));
      }, client.#limitMs);
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
    return client;
  }

  /** Its own port, also once the connection is gone. */
  get port(): number {
    return this.#port;
  }

  /** Whether the other side has ended the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Why the connection failed, if it did. */
  get error(): NodeJS.ErrnoException | undefined {
    return this.#error;
  }

  send(data: string | Buffer): void {
    if (typeof data === 'string') this.socket.write(data, 'latin1');
    else this.socket.write(data);
  }

  close(): void {
    this.socket.destroy();
  }

  /** Ends the connection with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** The next answer with a status of 200 and above, or of 100 and above with `interim`. */
  async answer(interim = false): Promise<Answer> {
    const head = await this.head(interim);
    if (head.status < 200) return { ...head, body: EMPTY };
    // What has come whole is taken at once: most answers have.
    const length = Number(head.headers['content-length']);
    const body = this.#received.length >= length ? this.#cut(length) : await this.body(head.headers);
    return { status: head.status, headers: head.headers, body };
  }

  /** The head of the next answer; {@link body} must follow unless its status is below 200. */
  async head(interim = false): Promise<Omit<Answer, 'body'>> {
    for (;;) {
      const bytes = await this.#take(() => {
        const end = this.#received.indexOf('\r\n\r\n');
        return end === -1 ? undefined : end + 4;
      });
      const head = readHead(bytes.toString('latin1'));
      if (head.status >= 200 || head.status === 101 || interim) return head;
    }
  }

  /** Exactly so many bytes. */
  bytes(count: number): Promise<Buffer> {
    return this.#take(() => (this.#received.length >= count ? count : undefined));
  }

  /** Everything up to the end of the connection; a reset rejects. */
  async rest(): Promise<Buffer> {
    const rest = await this.#take(() => (this.#ended ? this.#received.length : undefined));
    if (this.#error !== undefined) throw this.#error;
    return rest;
  }

  /** The body that belongs to a head. */
  async body(headers: Record<string, string>): Promise<Buffer> {
    const length = headers['content-length'];
    if (length !== undefined) return await this.bytes(Number(length));
    if (headers['transfer-encoding'] !== 'chunked') return await this.rest();
    const parts: Buffer[] = [];
    for (;;) {
      const chunk = await this.chunk();
      if (chunk.length === 0) return Buffer.concat(parts);
      parts.push(chunk);
    }
  }

  /** The next chunk of a chunked body; an empty one is the last. */
  async chunk(): Promise<Buffer> {
    const line = await this.#take(() => {
      const end = this.#received.indexOf('\r\n');
      return end === -1 ? undefined : end + 2;
    });
    const size = Number.parseInt(line.toString('latin1'), 16);
    return (await this.bytes(size + 2)).subarray(0, size);
  }

  /** Takes as many bytes as `wanted` says, waiting until it does. */
  async #take(wanted: () => number | undefined): Promise<Buffer> {
    // Timers may fire a little early.
    const deadlineMs = performance.now() + this.#limitMs - 5;
    for (;;) {
      this.#gather();
      const count = wanted();
      if (count !== undefined) {
        return this.#cut(count);
      }
      if (this.#ended) throw this.#failure(this.#error?.code ?? 'closed');
      if (performance.now() >= deadlineMs) throw this.#failure('timeout');
      await this.#change();
    }
  }

  #cut(count: number): Buffer {
    const received = this.#received;
    this.#received = received.length === count ? EMPTY : received.subarray(count);
    return received.length === count ? received : received.subarray(0, count);
  }

  #gather(): void {
    const [first, ...others] = this.#chunks;
    if (first === undefined) return;
    const whole = this.#received.length === 0 && others.length === 0;
    this.#received = whole ? first : Buffer.concat([this.#received, first, ...others]);
    this.#chunks = [];
  }

  /** Resolves when something has come, or after the limit. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      // One for all waits; whoever waits has an open connection, which keeps the process running.
      this.#timer ??= setTimeout(() => this.#wake?.(), this.#limitMs).unref();
      this.#timer.refresh();
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #failure(why: string): Error {
    const seen = JSON.stringify(this.#received.subarray(0, 200).toString('latin1'));
    return Object.assign(new Error(`${why} on client port ${this.port} after ${seen}`), { code: why });
  }

  #end(error: NodeJS.ErrnoException | undefined): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake?.();
  }
}

function readHead(head: string): { status: number; headers: Record<string, string> } {
  const status = head.startsWith('HTTP/1.1 ') ? Number(head.slice(9, 12)) : Number.NaN;
  if (Number.isNaN(status)) throw new Error(`this is no answer: ${JSON.stringify(head.slice(0, 200))}`);
  const headers: Record<string, string> = {};
  for (let at = head.indexOf('\r\n') + 2, end = 0; (end = head.indexOf('\r\n', at)) > at; at = end + 2) {
    const colon = head.indexOf(':', at);
    if (colon !== -1 && colon < end)
      headers[head.slice(at, colon).toLowerCase()] = head.slice(colon + 1, end).trim();
  }
  return { status, headers };
}
