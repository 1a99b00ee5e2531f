// A TLS session that a client goes on with in later connections, and whether the server takes it.
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { WireClient } from './wire-client.js';

/** What became of one connection. */
export interface SessionUse {
  reused: boolean;
  /** Of the answer to one request. */
  headers: Record<string, string>;
}

export class TlsSession {
  readonly #options: ConnectionOptions;
  #ticket: Buffer;

  private constructor(options: ConnectionOptions, ticket: Buffer) {
    this.#options = options;
    this.#ticket = ticket;
  }

  /** Makes a connection, and keeps its session. */
  static async begin(options: ConnectionOptions): Promise<TlsSession> {
    const { ticket, reused } = await use({ rejectUnauthorized: false, host: '127.0.0.1', ...options });
    if (reused) throw new Error('a first session cannot go on');
    return new TlsSession(options, ticket);
  }

  /** Goes on with the session on this many connections, one behind the other, with the newest ticket each. */
  async goOn(
    count: number,
    port: number | undefined = this.#options.port,
    servername: string | undefined = this.#options.servername,
  ): Promise<SessionUse[]> {
    const uses: SessionUse[] = [];
    for (let index = 0; index < count; index += 1) {
      const { ticket, ...outcome } = await use({
        rejectUnauthorized: false,
        host: '127.0.0.1',
        ...this.#options,
        ...(port === undefined ? {} : { port }),
        ...(servername === undefined ? {} : { servername }),
        session: this.#ticket,
      });
      this.#ticket = ticket;
      uses.push(outcome);
    }
    return uses;
  }
}

async function use(options: ConnectionOptions): Promise<SessionUse & { ticket: Buffer }> {
  const socket = connect(options);
  let ticket: Buffer | undefined;
  socket.on('session', (session: Buffer) => {
    ticket = session;
  });
  await once(socket, 'secureConnect');
  const reused = socket.isSessionReused();
  const client = new WireClient(socket);
  client.send(`GET / HTTP/1.1\r\nHost: ${options.servername ?? 'localhost'}\r\nConnection: close\r\n\r\n`);
  // With TLS 1.3 the ticket comes behind the handshake, before the answer.
  const { headers } = await client.answer();
  ticket ??= socket.getSession();
  client.close();
  if (ticket === undefined) throw new Error('the server gave no session');
  return { ticket, reused, headers };
}
