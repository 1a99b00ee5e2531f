// Hands connections back whose next request is for another host: with the bytes of its head and all that was read
// behind it, once what came before is answered.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionHeader } from '@vhostd/transport';
import { detach, responseOn, stopReading, whenWritten } from '../node/http-connections.js';
import type { HandBacks } from './hand-backs.js';
import type { Refusals } from './refusals.js';
import { refuseConnection } from './refused-request.js';

export class Rerouting {
  readonly #handBacks: Pick<HandBacks, 'open' | 'send'>;
  readonly #refusals: Refusals;

  constructor(handBacks: Pick<HandBacks, 'open' | 'send'>, refusals: Refusals) {
    this.#handBacks = handBacks;
    this.#refusals = refusals;
  }

  /** Takes a connection whose parser has let go of it behind the head of `request`. `rest`: what was read behind it. */
  take(socket: Socket, header: ConnectionHeader, request: IncomingMessage, rest: Buffer): void {
    stopReading(socket);
    socket.on('error', () => socket.destroy());
    // Nobody else tells a response any more that its connection takes bytes again.
    socket.on('drain', () => responseOn(socket)?.emit('drain'));
    const bytes = headOf(request) + rest.toString('latin1');
    this.#whenAnswered(socket, () => this.#send(socket, header, bytes, performance.now()));
  }

  /** Calls `done` when every response has been written and the kernel has it all. */
  #whenAnswered(socket: Socket, done: () => void): void {
    if (socket.destroyed || socket.writableEnded) return;
    const again = (): void => this.#whenAnswered(socket, done);
    const response = responseOn(socket);
    // Behind its end the connection gets the next one.
    if (response !== undefined) response.once('close', () => setImmediate(again));
    else if (!whenWritten(socket, again)) done();
  }

  #send(socket: Socket, header: ConnectionHeader, head: string, sinceMs: number): void {
    if (socket.destroyed) return;
    const isHead = head.startsWith('HEAD ');
    if (!this.#handBacks.open) {
      if (performance.now() - sinceMs > FULL_LIMIT_MS) {
        this.#refusals.add('other-host');
        return refuseConnection(socket, 421, isHead);
      }
      setTimeout(() => this.#send(socket, header, head, sinceMs), FULL_RETRY_MS);
      return;
    }
    let bytes = head;
    while (socket.readableLength > 0) {
      const chunk: unknown = socket.read();
      if (!Buffer.isBuffer(chunk)) break;
      bytes += chunk.toString('latin1');
    }
    const handle = detach(socket);
    if (handle !== undefined && !this.#handBacks.send({ handle, header, bytes })) handle.close();
  }
}

/** A head as its client sent it, but for white space around values. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    head += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

/** How soon it is tried again when too many connections are on their way, ms. */
const FULL_RETRY_MS = 5;
/** How long; then the master takes none any more, ms. */
const FULL_LIMIT_MS = 2000;
