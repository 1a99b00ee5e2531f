// The page's server: on loopback, in a process of its own, beside a daemon that it asks as the command line does.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DaemonClient } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import { Access } from './access.js';
import type { Refusal } from './access.js';
import { EventStream } from './event-stream.js';
import { Feed } from './feed.js';
import { streamLog } from './log-stream.js';
import type { DashboardLog } from './log-stream.js';
import { giveOrder, isOrder } from './orders.js';
import { pageFile } from './page-files.js';

export interface DashboardOptions {
  readonly client: Pick<DaemonClient, 'status' | 'follow' | 'request'>;
  /** Opens the logs of a site. */
  readonly openLog: (siteId: string) => Promise<DashboardLog>;
  /** Of 127.0.0.1; 0 to 65535. Default 0: one that is free. */
  readonly port?: number;
}

export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #access = new Access();
  readonly #feed: Feed;
  readonly #closed = new AbortController();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #streamCount = 0;

  constructor(options: DashboardOptions) {
    this.#options = options;
    this.#feed = new Feed(options.client);
  }

  /** Listens. Rejects with ERR_DASHBOARD_PORT. */
  async open(): Promise<void> {
    const { port = 0 } = this.#options;
    try {
      this.#server.listen(port, '127.0.0.1');
      await once(this.#server, 'listening');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new VhostError('ERR_DASHBOARD_PORT', `can't listen on port ${port} of 127.0.0.1: ${reason}`, {
        cause,
      });
    }
    void this.#feed.run(this.#closed.signal);
  }

  /** Where to open it, with the token. `once`: with one that can be used once, for the arguments of a program. */
  address({ once: isOnce = false }: { once?: boolean } = {}): string {
    const token = isOnce ? this.#access.issueTicket() : this.#access.token;
    return `http://127.0.0.1:${this.#port}/?token=${token}`;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of HEADERS) response.setHeader(name, value);
    const refusal = this.#access.refuseHost(request);
    if (refusal !== undefined) return refuse(response, refusal);
    try {
      const url = urlOf(request);
      if (url.pathname.startsWith('/api/')) await this.#answerApi(request, response, url);
      else if (request.method === 'GET') this.#answerPage(request, response, url);
      else send(response, 405, TEXT, 'GET only');
    } catch (error) {
      sendError(response, error);
    }
  }

  #answerPage(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const token = url.searchParams.get('token');
    if (url.pathname === '/' && token !== null) return this.#exchange(response, token);
    const file = pageFile(url.pathname);
    if (file === undefined) return send(response, 404, TEXT, 'There is nothing here.');
    const refusal = url.pathname === '/' ? this.#access.refuse(request, this.#port) : undefined;
    if (refusal === undefined) send(response, 200, file.type, file.content);
    else refuse(response, refusal);
  }

  /** The page follows without the token. Not by 303: browsers then send no strict cookie if the address was in a page. */
  #exchange(response: ServerResponse, token: string): void {
    const cookie = this.#access.exchange(token, this.#port);
    if (cookie === undefined) {
      return refuse(response, {
        status: 401,
        message: 'This address holds no longer. Start vhostd dashboard again.',
      });
    }
    response.setHeader('set-cookie', cookie);
    response.setHeader('refresh', '0; url=/');
    send(
      response,
      200,
      'text/html; charset=utf-8',
      '<!doctype html><title>vhostd</title><link rel="icon" href="/icon.svg">',
    );
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const refusal = this.#access.refuse(request, this.#port);
    if (refusal !== undefined) return refuse(response, refusal);
    const [, , kind, id = '', what = ''] = url.pathname.split('/');
    const siteId = decoded(id);
    if (request.method === 'GET' && url.pathname === '/api/feed') return this.#openFeed(response);
    if (request.method === 'GET' && kind === 'sites' && what === '') {
      const path = `/sites/${encodeURIComponent(siteId)}`;
      return sendJson(response, 200, await this.#options.client.request({ method: 'GET', path }));
    }
    if (request.method === 'GET' && kind === 'sites' && what === 'log')
      return this.#openLog(response, siteId);
    if (request.method === 'POST' && kind === 'sites' && isOrder(what)) {
      const body = await bodyOf(request);
      return sendJson(response, 200, await giveOrder(this.#options.client, siteId, what, body));
    }
    throw new VhostError('ERR_CONTROL_ROUTE', `there is no ${request.method ?? ''} ${url.pathname}`);
  }

  #openFeed(response: ServerResponse): void {
    const stream = this.#openStream(response, () => unsubscribe());
    const unsubscribe =
      stream === undefined
        ? () => undefined
        : this.#feed.subscribe((name, message) => stream.send(name, message));
  }

  async #openLog(response: ServerResponse, siteId: string): Promise<void> {
    const log = await this.#options.openLog(siteId);
    // Its browser may have left meanwhile, which is told once.
    if (response.destroyed) return log.close();
    const left = new AbortController();
    const stream = this.#openStream(response, () => left.abort());
    if (stream === undefined) return log.close();
    await streamLog(log, stream, left.signal).catch(() => response.destroy());
  }

  #openStream(response: ServerResponse, onEnd: () => void): EventStream | undefined {
    if (this.#streamCount >= STREAMS_MAX_COUNT) {
      send(response, 503, TEXT, 'Too many pages are open.');
      return undefined;
    }
    this.#streamCount += 1;
    return new EventStream(response, () => {
      this.#streamCount -= 1;
      onEnd();
    });
  }
}

/** @throws {VhostError} ERR_CONTROL_REQUEST. */
function urlOf({ url = '/' }: IncomingMessage): URL {
  const whole = `http://dashboard${url}`;
  if (URL.canParse(whole)) return new URL(whole);
  throw new VhostError('ERR_CONTROL_REQUEST', `'${url}' is no path`);
}

/** @throws {VhostError} ERR_CONTROL_REQUEST. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new VhostError('ERR_CONTROL_REQUEST', `'${part}' is not percent-encoded`, { cause });
  }
}

/** @throws {VhostError} ERR_CONTROL_REQUEST. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  if (request.headers['content-type'] !== 'application/json') {
    throw new VhostError('ERR_CONTROL_REQUEST', 'the body is not application/json');
  }
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > BODY_MAX_CHARS) throw new VhostError('ERR_CONTROL_REQUEST', 'the body is too long');
  }
  return text;
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  send(response, status, TEXT, message);
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  sendJson(response, STATUSES.get(code) ?? 502, { code, message });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value));
}

function send(response: ServerResponse, status: number, type: string, content: string | Buffer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(content) });
  response.end(content);
}

/** Nothing but the page's own files runs, or gives it looks; nobody else may show it or read from it. */
const HEADERS: ReadonlyMap<string, string> = new Map([
  [
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
      "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  ],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['cache-control', 'no-store'],
]);
/** Of what is not the daemon's trouble. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['ERR_CONTROL_REQUEST', 400],
  ['ERR_CONTROL_ROUTE', 404],
  ['ERR_LOG_NOT_FOUND', 404],
  ['ERR_SITE_UNKNOWN', 404],
]);
const TEXT = 'text/plain; charset=utf-8';
const BODY_MAX_CHARS = 1_000;
const STREAMS_MAX_COUNT = 64;
