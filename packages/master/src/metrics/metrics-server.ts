// Metrics and health over HTTP, on an address of their own. What comes from there can cost the master little: few
// connections, short heads, no bodies.
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import { METRICS_TYPE, metricsText } from '@vhostd/protocol/schemas';
import type { MetricFamily } from '@vhostd/protocol';
import type { HealthState } from '../ingress/health.js';
import type { AppSocket } from '../listeners/app-socket.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { MetricsConf } from '../conf/site-conf.js';

/** What it answers with. */
export interface MetricsSource {
  families(): MetricFamily[];
  health(): HealthState;
}

export class MetricsServer {
  readonly #source: MetricsSource;
  readonly #listeners: ListenerRegistry;
  #socket: AppSocket | undefined;
  #server: http.Server | undefined;
  /** How many answers are under way on each connection. */
  readonly #open = new WeakMap<net.Socket, number>();
  /** Connections that are kept behind an answer. */
  readonly #kept = new Set<net.Socket>();
  #address = '';
  /** One change of the address after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(source: MetricsSource, listeners: ListenerRegistry) {
    this.#source = source;
    this.#listeners = listeners;
  }

  /** Listens where the conf says, or nowhere. Rejects with ERR_LISTEN_*; it listens nowhere then. */
  listen(conf: MetricsConf | undefined): Promise<void> {
    const turn = this.#turn.then(() => this.#change(conf));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #change({ port, ipaddress }: Partial<MetricsConf> = {}): Promise<void> {
    const address = port === undefined ? '' : `${ipaddress} ${port}`;
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
    server.on('connection', (client) => client.once('close', () => this.#kept.delete(client)));
    server.maxConnections = MAX_CONNECTIONS;
    // Also of who does not read.
    server.timeout = REQUEST_LIMIT_MS;
    server.on('error', () => this.#close());
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
