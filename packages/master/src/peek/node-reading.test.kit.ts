// How this Node's own HTTP server reads a request head: which host, and at which byte the head ends.
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What the server made of a head. `endsThere`: the bytes behind it were read as something of their own. */
export type NodeReading =
  | { kind: 'accepted'; hostField: string | undefined; endsThere: boolean; detail: string }
  | { kind: 'refused'; detail: string };

/** A case that neither is accepted nor refused within this time has failed; far above what it takes. */
const CASE_LIMIT_MS = 20_000;
const PROBE_HOST = 'behind.test';
const PROBE = `GET /behind HTTP/1.1\r\nHost: ${PROBE_HOST}\r\n\r\n`;
const TUNNELLED = 'tunnelled';
const BODY_MAX_BYTES = 64;

/** A server on loopback that reads one head per connection. */
export class NodeReader {
  readonly #server: Server = createServer();
  #port = 0;
  readonly #cases = new Map<number, Case>();
  readonly #sockets = new Set<Socket>();

  constructor() {
    const onRequest = (request: IncomingMessage): void => this.#caseOf(request.socket)?.onRequest(request);
    const onTunnel = (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
      this.#caseOf(request.socket)?.onTunnel(request, socket, head);
    this.#server.on('connection', (socket) => this.#keepUntilClosed(socket));
    this.#server.on('request', onRequest).on('checkExpectation', onRequest);
    this.#server.on('connect', onTunnel).on('upgrade', onTunnel);
    this.#server.on('clientError', (error: Error & { code?: string; rawPacket?: Buffer }, socket: Duplex) => {
      this.#cases.get('remotePort' in socket ? Number(socket.remotePort) : 0)?.onError(error);
      socket.destroy();
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        if (typeof address === 'object' && address !== null) this.#port = address.port;
        resolve();
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      // closeAllConnections() knows nothing of tunnels.
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** Sends exactly this head, waits for what the server reports, then sends something behind it. */
  read(head: Buffer): Promise<NodeReading> {
    return new Promise((resolve) => {
      const client = connect(this.#port, '127.0.0.1');
      let port = 0;
      const timer = setTimeout(() => done({ kind: 'refused', detail: 'no event' }), CASE_LIMIT_MS);
      const done = (reading: NodeReading): void => {
        clearTimeout(timer);
        this.#cases.delete(port);
        client.destroy();
        resolve(reading);
      };
      const reading = new Case(client, done);
      client.on('connect', () => {
        port = client.localPort ?? 0;
        this.#cases.set(port, reading);
        client.write(head);
      });
      client.on('error', ignore);
      client.on('close', () => done({ kind: 'refused', detail: 'closed' }));
      client.resume();
    });
  }

  #keepUntilClosed(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #caseOf(socket: Socket): Case | undefined {
    return this.#cases.get(socket.remotePort ?? 0);
  }
}

/** One connection: the first event is the head's, the second that of what was sent behind it. */
class Case {
  readonly #client: Socket;
  readonly #done: (reading: NodeReading) => void;
  #first: IncomingMessage | undefined = undefined;
  #sentBody = '';
  #receivedBody = '';
  #sentBehind = '';

  constructor(client: Socket, done: (reading: NodeReading) => void) {
    this.#client = client;
    this.#done = done;
  }

  onRequest(request: IncomingMessage): void {
    request.setEncoding('latin1').on('error', ignore);
    if (this.#first === undefined) {
      this.#first = request;
      request.on('data', (text: string) => (this.#receivedBody += text));
      this.#sendBehind(request, PROBE);
      return;
    }
    request.resume();
    const isProbe = request.headers.host === PROBE_HOST && request.url === '/behind';
    const isWhole = this.#first.complete && this.#receivedBody === decoded(this.#sentBody);
    this.#accept(isProbe && isWhole, `then ${request.method} ${request.url}, body ${this.#receivedBody}`);
  }

  onTunnel(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#first !== undefined) return this.#accept(false, 'a tunnel behind the request');
    this.#first = request;
    let tunnelled = head.toString('latin1');
    const judge = (): void => {
      // The body of an upgrade belongs to the tunnel up to Node 24 and to the request from Node 26 on.
      const isBodyInTunnel = tunnelled === this.#sentBehind;
      const isBodyInRequest = tunnelled === TUNNELLED && this.#receivedBody === decoded(this.#sentBody);
      if (isBodyInTunnel || isBodyInRequest) this.#accept(true, `tunnel received ${tunnelled}`);
      else if (tunnelled.length > this.#sentBehind.length)
        this.#accept(false, `tunnel received ${tunnelled}`);
    };
    request.setEncoding('latin1').on('error', ignore);
    request.on('data', (text: string) => {
      this.#receivedBody += text;
      judge();
    });
    socket.on('error', ignore).on('data', (bytes: Buffer) => {
      tunnelled += bytes.toString('latin1');
      judge();
    });
    this.#sendBehind(request, TUNNELLED);
  }

  onError(error: Error & { code?: string; rawPacket?: Buffer }): void {
    const detail = `${error.code} ${error.message}`;
    if (this.#first === undefined) return this.#done({ kind: 'refused', detail });
    // Behind a request that ends the connection the parser takes nothing more. That the error is about
    // precisely the bytes behind the head shows that the head ended before them.
    const isClosed = error.code === 'HPE_CLOSED_CONNECTION';
    const isBehind = error.rawPacket?.toString('latin1') === this.#sentBehind;
    this.#accept(isClosed && isBehind && this.#receivedBody === decoded(this.#sentBody), detail);
  }

  #sendBehind(request: IncomingMessage, text: string): void {
    const length = Number(request.headers['content-length'] ?? 0);
    // A body too long to send: what is behind the head is the body's beginning, whatever it says.
    if (length > BODY_MAX_BYTES) return this.#accept(true, 'long body');
    const isChunked = request.headers['transfer-encoding'] !== undefined;
    this.#sentBody = isChunked ? '3\r\nabc\r\n0\r\n\r\n' : 'x'.repeat(length);
    this.#sentBehind = this.#sentBody + text;
    this.#client.write(this.#sentBehind, 'latin1');
  }

  #accept(endsThere: boolean, detail: string): void {
    this.#done({ kind: 'accepted', hostField: this.#first?.headers.host, endsThere, detail });
  }
}

function ignore(): void {
  // A connection that is cut off is no finding; what was read before it is.
}

function decoded(body: string): string {
  return body.startsWith('3\r\n') ? 'abc' : body;
}
