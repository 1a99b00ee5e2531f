// One connection of a client that repeats nothing: sends a request, reads the whole answer, knows how it ended.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { FailureKind } from './outcome.js';

/** A request that was not answered. */
export class Failure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** An answer that was whole. */
export interface ClientAnswer {
  status: number;
  body: string;
  /** Whether it announced the end of its connection. */
  closes: boolean;
}

export class ClientConnection {
  readonly #socket: Socket;
  #received = '';
  #ended = false;
  #onChange: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#onChange();
    });
    const end = (): void => {
      this.#ended = true;
      this.#onChange();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  /** @throws {Failure} `refused`, `timedOut`. */
  static async open(port: number, limitMs: number): Promise<ClientConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Failure('timedOut', 'no connection in time'));
      }, limitMs);
      const onError = (error: Error): void => {
        clearTimeout(timer);
        reject(new Failure('refused', error.message));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', onError);
        resolve(new ClientConnection(socket));
      });
    });
  }

  /** Whether the server has ended it. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Sends a request and waits for its answer.
   * @throws {Failure} `reset`, `timedOut`, `wrong` (what came is no answer with a length).
   */
  async exchange(request: string | Buffer, limitMs: number): Promise<ClientAnswer> {
    this.#socket.write(request);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#onChange();
    }, limitMs);
    try {
      for (;;) {
        const answer = this.#takeAnswer();
        if (answer !== undefined) return answer;
        if (this.#ended) throw new Failure('reset', 'the connection ended before the answer was whole');
        if (timedOut) throw new Failure('timedOut', `no answer within ${limitMs} ms`);
        await new Promise<void>((resolve) => {
          this.#onChange = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      this.#onChange = () => undefined;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #takeAnswer(): ClientAnswer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1) return undefined;
    const head = this.#received.slice(0, headEnd);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    const length = Number(/^content-length: *(\d+)\r?$/im.exec(head)?.[1]);
    if (Number.isNaN(status) || Number.isNaN(length)) throw new Failure('wrong', head);
    if (this.#received.length < headEnd + 4 + length) return undefined;
    const body = this.#received.slice(headEnd + 4, headEnd + 4 + length);
    this.#received = this.#received.slice(headEnd + 4 + length);
    return { status, body, closes: /^connection: *close\r?$/im.test(head) };
  }
}
