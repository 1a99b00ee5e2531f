// Answers every request of a server in place of the site's code, for a while. The site's listeners stay where they
// are, so that it may add and remove some meanwhile: the server's events are kept from them instead.
import { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { MaintenancePage } from '@vhostd/protocol';
import { answerRequest, answerSocket, answerStream } from './maintenance-answers.js';
import type { AnyResponse } from './maintenance-answers.js';

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;
type RequestListener = (request: unknown, response: unknown) => void;

export class MaintenanceGate {
  readonly #server: Server;
  readonly #watchers: RequestListener[] = [];
  #page: MaintenancePage | undefined;
  #installed = false;

  constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Answers requests with this page from now on.
   * @throws {VhostError} ERR_MAINTENANCE_SERVER for a server that speaks no HTTP.
   */
  open(page: MaintenancePage): void {
    if (!speaksHttp(this.#server)) {
      throw new VhostError(
        'ERR_MAINTENANCE_SERVER',
        "the site's server speaks neither http, https nor http2: there are no requests that could be answered",
      );
    }
    this.#page = page;
    this.#install();
  }

  /** Leaves requests to the site's code again. */
  close(): void {
    this.#page = undefined;
  }

  /** Calls a listener of vhostd's own before each HTTP/1 request that is answered here. */
  watch(listener: RequestListener): void {
    this.#watchers.push(listener);
  }

  /** For good, once it was needed: others may have put their own `emit` around this one meanwhile. */
  #install(): void {
    if (this.#installed) return;
    this.#installed = true;
    const server: object = this.#server;
    const inner: Emit = Reflect.get(server, 'emit');
    const outer: Emit = (event, ...args) =>
      this.#answers(event, args) || Reflect.apply(inner, server, [event, ...args]);
    Object.defineProperty(server, 'emit', { configurable: true, writable: true, value: outer });
  }

  #answers(event: string | symbol, args: readonly unknown[]): boolean {
    const page = this.#page;
    if (page === undefined) return false;
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation': {
        const [request, response] = args;
        if (response instanceof ServerResponse)
          for (const watcher of this.#watchers) watcher(request, response);
        answerRequest(response as AnyResponse, page);
        return true;
      }
      case 'stream': {
        const [stream, headers] = args as [ServerHttp2Stream, Record<string, unknown>];
        answerStream(stream, headers[':method'] === 'HEAD', page);
        return true;
      }
      case 'upgrade':
      case 'connect': {
        const [, socket] = args as [unknown, Socket];
        answerSocket(socket, page);
        return true;
      }
      default:
        return false;
    }
  }
}

/** Servers of net and tls have neither; of http2, the one in clear has only the latter. */
function speaksHttp(server: Server): boolean {
  return 'requestTimeout' in server || 'updateSettings' in server;
}
