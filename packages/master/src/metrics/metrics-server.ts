// Metrics and health over HTTP, on an address of their own. What comes from there can cost the master little: few
// connections, short heads, no bodies. That the address can't be had is no reason not to serve: it is tried again.
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import { Backoff, resolveBackoff } from '@vhostd/supervisor';
import { METRICS_TYPE, metricsText } from '@vhostd/protocol/schemas';
import type { MetricFamily } from '@vhostd/protocol';
import type { HealthState } from '../ingress/health.js';
import type { AppSocket } from '../listeners/app-socket.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { MetricsConf } from '../conf/site-conf.js';

/** What it answers with, and whom it tells that it can't. */
export interface MetricsSource {
  families(): MetricFamily[];
  health(): HealthState;
  /** It does not listen where the conf says, and tries again. Once for each conf. */
  onFailed(conf: MetricsConf, error: Error): void;
}

/** Where it is to listen, and why it does not. */
export interface MetricsStanding {
  readonly ipaddress: string;
  readonly port: number;
  readonly fault?: string;
}

export class MetricsServer {
  readonly #source: MetricsSource;
  readonly #listeners: ListenerRegistry;
  #socket: AppSocket | undefined;
  #server: http.Server | undefined;
  /** How many answers are under way on each connection. */
  readonly #open = new WeakMap<net.Socket, number>();
  /** All connections, in the order in which they came. */
  readonly #clients = new Set<net.Socket>();
  /** Those of them that are kept behind an answer. */
  readonly #kept = new Set<net.Socket>();
  #wanted: MetricsConf | undefined;
  #address = '';
  #fault: string | undefined;
  #backoff = newBackoff();
  #retry: NodeJS.Timeout | undefined;
  #rests = false;
  /** One change of the address after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(source: MetricsSource, listeners: ListenerRegistry) {
    this.#source = source;
    this.#listeners = listeners;
  }

  get standing(): MetricsStanding | undefined {
    const { ipaddress, port } = this.#wanted ?? {};
    if (port === undefined || ipaddress === undefined) return undefined;
    return { ipaddress, port, ...(this.#fault === undefined ? {} : { fault: this.#fault }) };
  }

  /** Listens where the conf says, as soon as that can be had, or nowhere. */
  listen(conf: MetricsConf | undefined): void {
    const { port, ipaddress } = conf ?? {};
    if (addressOf(conf) !== addressOf(this.#wanted)) this.#fault = undefined;
    this.#wanted = port === undefined || ipaddress === undefined ? undefined : conf;
    this.#backoff = newBackoff();
    this.#rests = false;
    this.#change();
  }

  /** Tries no more to have the address, until {@link listen}. */
  rest(): void {
    this.#rests = true;
    clearTimeout(this.#retry);
  }

  #change(): void {
    clearTimeout(this.#retry);
    const wanted = this.#wanted;
    this.#turn = this.#turn.then(async () => {
      try {
        await this.#listenOn(wanted);
        if (wanted === this.#wanted) this.#fault = undefined;
      } catch (error) {
        this.#failed(wanted, error as Error);
      }
    });
  }

  #failed(conf: MetricsConf | undefined, error: Error): void {
    if (conf === undefined || conf !== this.#wanted) return;
    const isFirst = this.#fault === undefined;
    this.#fault = error.message;
    clearTimeout(this.#retry);
    if (!this.#rests) this.#retry = setTimeout(() => this.#change(), this.#backoff.next(0)).unref();
    if (isFirst) this.#source.onFailed(conf, error);
  }

  async #listenOn(conf: MetricsConf | undefined): Promise<void> {
    const { port, ipaddress } = conf ?? {};
    const address = addressOf(conf);
    if (address === this.#address) return;
    this.#close();
    if (port === undefined || ipaddress === undefined) return;
    const socket = await this.#listeners.bindForApp({ port, ipaddress });
    this.#socket = socket;
    this.#address = address;
    const server = http.createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: REQUEST_LIMIT_MS,
        requestTimeout: REQUEST_LIMIT_MS,
        keepAliveTimeout: REQUEST_LIMIT_MS,
      },
      (request, response) => {
        // One after the other is what a collector asks; answers that nobody reads are not made.
        if (this.#unanswered(request, response) > UNREAD_MAX_COUNT) {
          request.socket.destroy();
          return;
        }
        this.#noteKept(request, response);
        // Others answer here by now, or nobody.
        if (this.#server !== server) response.setHeader('connection', 'close');
        this.#answer(request, response);
      },
    );
    server.on('connection', (client) => this.#admit(client));
    // Also of who does not read.
    server.timeout = REQUEST_LIMIT_MS;
    server.on('error', (error) => {
      if (this.#server !== server) return;
      const wanted = this.#wanted;
      this.#close();
      this.#failed(wanted, error);
    });
    // Who asks is not to keep a master that has finished.
    server.unref();
    this.#server = server;
    server.listen(socket.handle);
  }

  #close(): void {
    this.#address = '';
    // Who has just come is answered: another master may listen there by now. By net's own `close`: http's ends connections
    // at once of which no request was read yet (from Node 26 on), also where one is on its way.
    const server = this.#server;
    // Its own, behind that, ends the look after its connections, of which it has none any more.
    if (server !== undefined) net.Server.prototype.close.call(server, () => server.close(() => undefined));
    this.#server = undefined;
    for (const socket of this.#kept) socket.destroy();
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Where there are too many one ends for it: one that is idle, else the oldest. Who asks and reads is through by then. */
  #admit(client: net.Socket): void {
    if (this.#clients.size >= MAX_CONNECTIONS) {
      const [leaving] = this.#kept.size > 0 ? this.#kept : this.#clients;
      leaving?.destroy();
      if (leaving !== undefined) this.#forget(leaving);
    }
    this.#clients.add(client);
    client.once('close', () => this.#forget(client));
  }

  #forget(client: net.Socket): void {
    this.#clients.delete(client);
    this.#kept.delete(client);
  }

  /** How many answers of a connection are not sent. */
  #unanswered({ socket }: IncomingMessage, response: ServerResponse): number {
    const count = (this.#open.get(socket) ?? 0) + 1;
    this.#open.set(socket, count);
    response.once('close', () => this.#open.set(socket, (this.#open.get(socket) ?? 1) - 1));
    return count;
  }

  #noteKept({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#kept.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) this.#kept.add(socket);
    });
  }

  #answer({ method, url = '/', headers }: IncomingMessage, response: ServerResponse): void {
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('connection', 'close');
      return send(response, 405, 'text/plain', 'only GET and HEAD\n');
    }
    const [path] = url.split('?');
    const health = this.#source.health();
    if (path === '/livez') return send(response, 200, 'text/plain', 'ok\n');
    if (path === '/readyz')
      return send(response, health === 'serving' ? 200 : 503, 'text/plain', `${health}\n`);
    if (path !== '/metrics')
      return send(response, 404, 'text/plain', 'there are /metrics, /livez and /readyz\n');
    const families = this.#source.families();
    if (headers.accept?.includes('application/json') !== true)
      return send(response, 200, METRICS_TYPE, metricsText(families));
    send(response, 200, 'application/json', `${JSON.stringify({ metrics: families })}\n`);
  }
}

function addressOf(conf: MetricsConf | undefined): string {
  const { port, ipaddress } = conf ?? {};
  return port === undefined || ipaddress === undefined ? '' : `${ipaddress} ${port}`;
}

/** As sites try again to have their listeners. */
function newBackoff(): Backoff {
  return new Backoff(resolveBackoff({ baseMs: 100, factor: 2, capMs: 5_000 }));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

const MAX_HEADER_BYTES = 8_192;
const MAX_CONNECTIONS = 16;
/** Answers under way on one connection. */
const UNREAD_MAX_COUNT = 4;
const REQUEST_LIMIT_MS = 10_000;
