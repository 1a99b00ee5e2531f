// Server-sent events to one browser, which may read slowly or not at all.
import type { ServerResponse } from 'node:http';

export class EventStream {
  readonly #response: ServerResponse;
  readonly #alive: NodeJS.Timeout;

  /** Ends when the browser leaves; then `onEnd` is called, once. */
  constructor(response: ServerResponse, onEnd: () => void) {
    this.#response = response;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#alive = setInterval(() => this.#write(':\n\n'), ALIVE_MS);
    response.once('close', () => {
      clearInterval(this.#alive);
      onEnd();
    });
    // A browser says nothing of a stream that is open until something has come.
    this.#write(':\n\n');
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #write(text: string): void {
    // It asks again, and is told everything anew.
    if (this.#response.writableLength > WAITING_MAX_BYTES) this.#response.destroy();
    else this.#response.write(text);
  }
}

const ALIVE_MS = 10_000;
/** What may wait for a browser that does not read. */
const WAITING_MAX_BYTES = 16_000_000;
