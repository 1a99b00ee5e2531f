// The ports on which an app listens beside its site's server: one socket each, which the master keeps and all workers of
// the site listen on, so that one more worker, a reload and a replacement find it open, and no client is refused.
import { isIP } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { AppPort } from '@vhostd/protocol';
import { AnswerWithHandle } from '@vhostd/transport';
import { checkAppPort } from '../conf/allowance.js';
import { isForeign } from '../conf/foreign-user.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { AppAddress, AppSocket } from '../listeners/app-socket.js';

/** Where sockets come from. */
export interface AppPortSource {
  /** @throws {VhostError} ERR_LISTEN_*. */
  bindForApp(address: AppAddress): Promise<AppSocket>;
}

/** Who asks: a process of a worker. */
export interface AppPortHolder {
  readonly conf: SiteConf;
  /** Aborts when it is gone. */
  readonly gone: AbortSignal;
}

interface OpenPort {
  readonly socket: Promise<AppSocket>;
  readonly holders: Set<AbortSignal>;
}

export class AppPorts {
  readonly #source: AppPortSource;
  readonly #isWanted: () => boolean;
  readonly #open = new Map<string, OpenPort>();
  readonly #watched = new WeakSet<AbortSignal>();

  /** `isWanted`: whether a worker is to come that may ask for a port that none has at the moment. */
  constructor(source: AppPortSource, isWanted: () => boolean) {
    this.#source = source;
    this.#isWanted = isWanted;
  }

  /**
   * Answers a worker, of which nothing is trusted, with the socket of a port.
   * @throws {VhostError} ERR_CALL_INVALID, ERR_CALL_TOO_MANY, ERR_ALLOW_PORT, ERR_ALLOW_IPADDRESS, ERR_LISTEN_*,
   * ERR_CALL_LOST.
   */
  async open(params: unknown, { conf, gone }: AppPortHolder): Promise<AnswerWithHandle<null>> {
    const address = parseAppPort(params);
    const refused = checkAppPort(address, conf.allow) ?? checkPrivilege(address, conf);
    if (refused !== undefined) throw refused;
    const key = `${address.udp === true ? 'udp' : 'tcp'} ${address.ipaddress ?? '*'} ${address.port}`;
    const port = this.#open.get(key) ?? this.#add(key, address);
    port.holders.add(gone);
    this.#watch(gone);
    const { handle } = await port.socket;
    if (gone.aborted || handle === undefined) throw new VhostError('ERR_CALL_LOST', 'who asked is gone');
    return new AnswerWithHandle(null, handle);
  }

  /** Closes what no worker has, and none will ask for soon. */
  look(): void {
    if (this.#open.size === 0 || this.#isWanted()) return;
    for (const [key, { socket, holders }] of this.#open) {
      if (holders.size > 0) continue;
      this.#open.delete(key);
      void socket.then(
        (opened) => opened.close(),
        () => undefined,
      );
    }
  }

  #watch(gone: AbortSignal): void {
    if (this.#watched.has(gone)) return;
    this.#watched.add(gone);
    gone.addEventListener('abort', () => {
      for (const { holders } of this.#open.values()) holders.delete(gone);
      this.look();
    });
  }

  #add(key: string, address: AppPort): OpenPort {
    if (this.#open.size >= PORTS_MAX_COUNT) {
      throw new VhostError('ERR_CALL_TOO_MANY', `a site's apps may share ${PORTS_MAX_COUNT} ports`);
    }
    const port: OpenPort = { socket: this.#source.bindForApp(address), holders: new Set() };
    this.#open.set(key, port);
    port.socket.catch(() => this.#open.delete(key));
    return port;
  }
}

function parseAppPort(params: unknown): AppPort {
  const { port, ipaddress, udp }: Record<string, unknown> =
    typeof params === 'object' && params !== null ? { ...params } : {};
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535;
  const isAddress = ipaddress === undefined || (typeof ipaddress === 'string' && isIP(ipaddress) !== 0);
  if (!isPort || !isAddress) throw new VhostError('ERR_CALL_INVALID', 'this is no port to listen on');
  const address = ipaddress === undefined ? { port } : { port, ipaddress };
  return udp === true ? { ...address, udp } : address;
}

/** What the user of the worker may not bind, nobody binds for it, unless the operator has named the port. */
function checkPrivilege({ port }: AppPort, { allow, runAs }: SiteConf): VhostError | undefined {
  const isOwn = process.geteuid?.() === 0 && !isForeign(runAs);
  if (port >= UNPRIVILEGED_PORT || allow.ports !== undefined || isOwn) return undefined;
  return new VhostError(
    'ERR_LISTEN_PERMISSION',
    `port ${port} is bound for no worker unless allow.ports names it`,
    {
      info: { port },
    },
  );
}

/** The first port that any user may bind (ip(7), ip_unprivileged_port_start). */
const UNPRIVILEGED_PORT = 1024;
/** Of one site; each is a descriptor of the master's. */
const PORTS_MAX_COUNT = 50;
