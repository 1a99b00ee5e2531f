// A site without a master: `node index.js` listens by itself on the ports of its own `listen`, so that it can be
// developed alone.
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { parseArgs } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import type { ListeningInfo, ListenRequest, ServerConfUpdate } from '@vhostd/protocol';
import type { UpdateResult } from './conf-sender.js';
import { giveUpHandle } from './node/socket-handle.js';
import { SiteKeys } from './site-keys.js';
import type { SecureFront } from './intake/secure-front.js';

/** Listens for one server in this process. */
export class Standalone {
  readonly #server: () => Server;
  readonly #open = new Map<string, Server>();
  readonly #keys: SiteKeys = new SiteKeys([], {
    onFront: (front) => {
      this.#front = front;
    },
  });
  #front: SecureFront | undefined;

  /** `server` is asked for the site's server when there is something to listen on. */
  constructor(server: () => Server) {
    this.#server = server;
  }

  /**
   * Opens what `listen` names and is not open yet, closes what it no longer names; without `listen`, what is open
   * stays.
   * @throws {VhostError} ERR_LISTEN_ADDRESS_IN_USE, ERR_LISTEN_PERMISSION, ERR_LISTEN_ADDRESS, ERR_TLS_KEY; what was
   * open stays open then.
   */
  async update(update: ServerConfUpdate): Promise<UpdateResult> {
    if (update.listen !== undefined || this.#open.size === 0) {
      const listen = withPort(update.listen ?? []);
      if (listen.length > 0) this.#keys.setServer(this.#server());
      await this.#keys.change(listen, () => this.#change(listen));
    }
    return { listening: [...this.#open].map(([key, server]) => describe(key, server)) };
  }

  async #change(listen: readonly ListenRequest[]): Promise<void> {
    const wanted = new Map(listen.map((entry) => [keyOf(entry), entry]));
    const opened: string[] = [];
    try {
      for (const [key, entry] of wanted) {
        if (this.#open.has(key)) continue;
        this.#open.set(key, await this.#listen(entry));
        opened.push(key);
      }
    } catch (error) {
      for (const key of opened) this.#close(key);
      throw error;
    }
    for (const key of this.#open.keys()) if (!wanted.has(key)) this.#close(key);
  }

  async #listen(entry: ListenRequest): Promise<Server> {
    const own = this.#server();
    const secure = entry.type === 'ssl';
    // The first plain address is the server's own, so that `server.address()` and `server.close()` mean it.
    const server = secure || own.listening ? this.#extra(secure) : own;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => reject(listenError(error, entry));
      server.once('error', fail);
      server.listen(
        { port: entry.port, ...(entry.ipaddress === undefined ? {} : { host: entry.ipaddress }) },
        () => {
          server.off('error', fail);
          resolve();
        },
      );
    });
    return server;
  }

  /** A listening socket whose connections go to the site's server. */
  #extra(secure: boolean): Server {
    const own = this.#server();
    return createServer({ pauseOnConnect: secure, allowHalfOpen: true }, (socket) => {
      const handle = secure ? giveUpHandle(socket) : undefined;
      if (!secure) own.emit('connection', socket);
      else if (handle !== undefined) this.#front?.inject(handle, undefined);
    });
  }

  #close(key: string): void {
    this.#open.get(key)?.close();
    this.#open.delete(key);
  }
}

/** The first entry takes the port of `--port N` or `--port=N` on the command line. */
function withPort(listen: readonly ListenRequest[]): ListenRequest[] {
  const { values } = parseArgs({
    options: { port: { type: 'string' } },
    strict: false,
    allowPositionals: true,
  });
  const port = typeof values.port === 'string' ? Number(values.port) : undefined;
  if (port === undefined) return [...listen];
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new VhostError(
      'ERR_LISTEN_ADDRESS',
      `--port ${String(values.port)} is no port between 0 and 65535`,
      {
        info: { value: String(values.port) },
      },
    );
  }
  const [first = { port }, ...others] = listen;
  return [{ ...first, port }, ...others];
}

function keyOf({ type = 'tcp', port, ipaddress = '::' }: ListenRequest): string {
  return `${type}_${port}_${ipaddress}`;
}

function describe(key: string, server: Server): ListeningInfo {
  const address = server.address();
  const known = typeof address === 'object' && address !== null ? address : { address: '', port: 0 };
  return {
    type_port_ip: key,
    type: key.startsWith('ssl') ? 'ssl' : 'tcp',
    address: known.address,
    port: known.port,
  };
}

function listenError(error: NodeJS.ErrnoException, entry: ListenRequest): VhostError {
  const where = `port ${entry.port}${entry.ipaddress === undefined ? '' : ` of ${entry.ipaddress}`}`;
  const info = { port: entry.port, ipaddress: entry.ipaddress };
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return new VhostError('ERR_LISTEN_ADDRESS_IN_USE', `${where} is taken by another process; try --port`, {
        info,
        cause: error,
      });
    case 'EACCES':
      return new VhostError(
        'ERR_LISTEN_PERMISSION',
        `${where} needs privileges that this user does not have; try --port 8080`,
        { info, cause: error },
      );
    default:
      return new VhostError('ERR_LISTEN_ADDRESS', `cannot listen on ${where}: ${error.message}`, {
        info,
        cause: error,
      });
  }
}
