// The WebSockets of a server, whose clients are told of its end: close code 1001, "going away" (RFC 6455 7.4.1), instead
// of a connection that breaks off (1006). Clients that are told all at once come back all at once, so they are told one
// after the other. Over HTTP/2 each is a stream of its own (RFC 8441). Other protocols of upgraded connections are left
// alone.
import type { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { FrameFollower } from './frame-follower.js';

type Write = (this: unknown, ...args: unknown[]) => boolean;

export class WebSockets {
  readonly #open = new Set<WebSocket>();
  /** When the drain that is under way has its limit. */
  #limitAtMs: number | undefined;

  /** Begins to watch a server, which may be of any kind. */
  constructor(server: Server) {
    if (server.listenerCount('upgrade') > 0) server.prependListener('upgrade', this.#onUpgrade);
    // Node does otherwise where nobody listens for upgrades: this one listens while somebody else does.
    server.on('newListener', (event, listener) => {
      if (event !== 'upgrade' || listener === this.#onUpgrade) return;
      if (!server.listeners('upgrade').includes(this.#onUpgrade))
        server.prependListener('upgrade', this.#onUpgrade);
    });
    server.on('removeListener', (event) => {
      const left = event === 'upgrade' ? server.listeners('upgrade') : [];
      if (left.length === 1 && left[0] === this.#onUpgrade) server.removeListener('upgrade', this.#onUpgrade);
    });
    // Before the listener that shows the stream to the app.
    server.on('session', (session: ServerHttp2Session) => session.prependListener('stream', this.#onStream));
  }

  /** Tells every client, each at a moment of its own in the last part of the drain. */
  closeAll(limitMs: number): void {
    this.#limitAtMs = performance.now() + limitMs;
    for (const webSocket of this.#open) this.#closeLater(webSocket, limitMs);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Socket): void => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return;
    this.#add(socket, new WebSocket(socket, new FrameFollower()));
  };

  readonly #onStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') return;
    // What is refused, or not answered yet, has no frames.
    const isOpen = (): boolean => stream.sentHeaders?.[':status'] === 200;
    this.#add(stream, new WebSocket(stream, new FrameFollower('frames'), isOpen));
  };

  #add(channel: Channel, webSocket: WebSocket): void {
    this.#open.add(webSocket);
    channel.once('close', () => {
      webSocket.end();
      this.#open.delete(webSocket);
    });
    if (this.#limitAtMs !== undefined) this.#closeLater(webSocket, this.#limitAtMs - performance.now());
  }

  #closeLater(webSocket: WebSocket, leftMs: number): void {
    const share = FIRST_SHARE + (LAST_SHARE - FIRST_SHARE) * Math.random();
    webSocket.closeIn(Math.max(0, leftMs * share));
  }
}

/** What the frames of a WebSocket go through. */
type Channel = Socket | ServerHttp2Stream;

/** One of them. What its server writes is followed, so that it is known where a frame ends. */
class WebSocket {
  readonly #channel: Channel;
  readonly #frames: FrameFollower;
  readonly #isOpen: () => boolean;
  readonly #write: Write;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #told = false;

  constructor(channel: Channel, frames: FrameFollower, isOpen = (): boolean => true) {
    this.#channel = channel;
    this.#frames = frames;
    this.#isOpen = isOpen;
    const untyped: object = channel;
    this.#write = Reflect.get(untyped, 'write');
    Reflect.set(channel, 'write', (chunk: unknown, encoding: unknown, callback: unknown) =>
      this.#onWrite(chunk, encoding, callback),
    );
  }

  closeIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#due = true;
      this.#tell();
    }, delayMs).unref();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #onWrite(chunk: unknown, encoding: unknown, callback: unknown): boolean {
    if (this.#told) return swallow(encoding, callback);
    if (chunk instanceof Uint8Array) this.#frames.push(chunk);
    else if (typeof chunk === 'string') this.#frames.push(bytesOf(chunk, encoding));
    const more = this.#write.call(this.#channel, chunk, encoding, callback);
    if (this.#due) this.#tell();
    return more;
  }

  #tell(): void {
    const channel = this.#channel;
    if (this.#told || !channel.writable || !this.#isOpen()) return;
    if (this.#frames.closed || !this.#frames.atBoundary) return;
    this.#told = true;
    this.#write.call(channel, GOING_AWAY);
    // The client answers, and the app's code ends the connection then; else it is ended here.
    this.#timer = setTimeout(() => channel.end(), ANSWER_MS).unref();
  }
}

/** Behind a close frame nothing may follow (RFC 6455 5.5.1): what the app still writes ends here. */
function swallow(...rest: unknown[]): boolean {
  const callback = rest.find((value) => typeof value === 'function');
  if (callback !== undefined) process.nextTick(callback, null);
  return true;
}

function bytesOf(text: string, encoding: unknown): Buffer {
  return Buffer.from(text, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/** FIN and opcode 8, two bytes of payload without a mask: 1001. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
/** The parts of a drain between which clients are told. */
const FIRST_SHARE = 0.6;
const LAST_SHARE = 0.95;
/** How long a client may take to answer, ms. */
const ANSWER_MS = 2000;
