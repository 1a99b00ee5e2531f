// One request of the control API: its body is read within bounds, its answer is one JSON document, or a stream where
// the client accepts one or there is nothing else.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toWireError, VhostError } from '@vhostd/protocol';
import { DOCUMENT, formatOf, LINES, TextAnswer } from './answer-format.js';
import type { AnswerFormat } from './answer-format.js';
import { httpStatusOf } from './http-status.js';

/** What is asked for. */
export interface ControlCall {
  readonly method: string;
  /** Without the version, such as `/sites/shop/pause`. */
  readonly path: string;
  /** What was sent as JSON; of GET and DELETE the fields of the query. */
  readonly body: unknown;
  /** Aborts when the client has left or the server closes. */
  readonly signal: AbortSignal;
  /** Tells the client how far it is. False where that was dropped: it does not read, or wants one answer only. */
  readonly progress: (value: unknown) => boolean;
  /** What is told by `progress` is the answer: it goes to each client, as JSON lines by default. */
  readonly stream: () => void;
}

/** Carries a request out: its value is the answer, what it throws the error. */
export type ControlHandler = (call: ControlCall) => Promise<unknown>;

export class ControlExchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #abort = new AbortController();
  #format: AnswerFormat;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    this.#format = formatOf(request.headers.accept);
    response.on('error', () => response.destroy());
    response.on('close', () => {
      if (!response.writableFinished) this.abort(new VhostError('ERR_CONTROL_GONE', 'the client has left'));
    });
  }

  /** Tells the handler that nobody is to wait for its answer. */
  abort(reason: VhostError): void {
    this.#abort.abort(reason);
  }

  /** Reads the request, lets `handler` carry it out, answers. Never rejects. */
  async run(handler: ControlHandler, maxBodyBytes: number): Promise<void> {
    const alive = setInterval(() => this.#sayAlive(), ALIVE_MS).unref();
    try {
      const { path, query } = targetOf(this.#request.url ?? '/');
      const { method = 'GET' } = this.#request;
      const body = await this.#body(maxBodyBytes);
      const result = await handler({
        method,
        path,
        body: method === 'GET' || method === 'DELETE' ? query : body,
        signal: this.#abort.signal,
        progress: (value) => this.#progress(value),
        stream: () => this.#stream(),
      });
      this.#answer(result);
    } catch (error) {
      this.refuse(error);
    } finally {
      clearInterval(alive);
    }
  }

  /** Answers with an error. */
  refuse(error: unknown): void {
    const { code, message, info = {} } = toWireError(error);
    const body = { code, message, info };
    if (!this.#response.headersSent) {
      const { allowed } = info;
      if (Array.isArray(allowed)) this.#response.setHeader('allow', allowed.join(', '));
      this.#head(httpStatusOf(code));
    }
    this.#end(this.#format.error(body));
  }

  /** Throws what JSON refuses. */
  #answer(result: unknown): void {
    const isText = result instanceof TextAnswer;
    if (isText && this.#format === DOCUMENT && !this.#wantsJson) {
      this.#head(200, result.type);
      return this.#end(result.text);
    }
    const text = this.#format.result(isText ? result.value : result);
    if (!this.#response.headersSent) this.#head(200);
    this.#end(text);
  }

  get #wantsJson(): boolean {
    return this.#request.headers.accept?.includes(DOCUMENT.type) ?? false;
  }

  #stream(): void {
    if (this.#format === DOCUMENT) this.#format = LINES;
  }

  #progress(value: unknown): boolean {
    const { progress } = this.#format;
    if (progress === undefined || this.#response.writableLength > MAX_UNSENT_BYTES) return false;
    try {
      return this.#write(progress(value));
    } catch {
      // What JSON refuses is not worth failing the request for.
      return false;
    }
  }

  #sayAlive(): void {
    if (this.#format.alive !== undefined) this.#write(this.#format.alive);
  }

  #write(text: string): boolean {
    if (!this.#response.writable) return false;
    if (!this.#response.headersSent) this.#head(200);
    this.#response.write(text);
    return true;
  }

  #head(status: number, type: string = this.#format.type): void {
    this.#response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  }

  /** Who does not read the end is cut off: a client that is stopped is not to hold its place. */
  #end(text: string): void {
    if (!this.#response.writable) return;
    this.#response.end(text);
    const cut = setTimeout(() => this.#response.destroy(), UNREAD_LIMIT_MS).unref();
    this.#response.on('close', () => clearTimeout(cut));
  }

  /** @throws {VhostError} ERR_CONTROL_REQUEST, ERR_CONTROL_TOO_LARGE. */
  async #body(maxBytes: number): Promise<unknown> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.#request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        this.#response.setHeader('connection', 'close');
        throw new VhostError('ERR_CONTROL_TOO_LARGE', `the body has more than ${maxBytes} bytes`, {
          info: { limitBytes: maxBytes },
        });
      }
      chunks.push(chunk);
    }
    if (bytes === 0) return {};
    try {
      return JSON.parse(Buffer.concat(chunks).toString());
    } catch (cause) {
      throw new VhostError('ERR_CONTROL_REQUEST', 'the body is not JSON', { cause });
    }
  }
}

/** @throws {VhostError} ERR_CONTROL_REQUEST for what is no path. */
function targetOf(target: string): { path: string; query: Record<string, string> } {
  let url: URL;
  try {
    url = new URL(target, 'http://vhostd');
  } catch (cause) {
    throw new VhostError('ERR_CONTROL_REQUEST', 'the request names no path', { cause });
  }
  const path = url.pathname.replace(VERSION_PREFIX, '');
  return { path: path === '' ? '/' : path, query: Object.fromEntries(url.searchParams) };
}

/** The version of the API; a path without it means the newest. */
const VERSION_PREFIX = /^\/v1(?=\/|$)/u;
/** So often an empty line says that the daemon is at work, ms: well below the 30 s after which clients give up. */
const ALIVE_MS = 5_000;
/** How long the end of an answer may stay unread, ms. */
const UNREAD_LIMIT_MS = 10_000;
/** Progress is dropped while so much waits for a client that does not read. */
const MAX_UNSENT_BYTES = 1024 * 1024;
