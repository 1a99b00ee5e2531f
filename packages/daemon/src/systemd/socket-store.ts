// Has systemd hold the listening sockets, too, in the service's store of descriptors, sd_pid_notify_with_fds(3): clients
// wait in the kernel while all of vhostd is started again. The next first daemon gets them back as passed sockets.
import { toKeyedAddress } from '@vhostd/protocol';
import { nativeCalls } from '@vhostd/transport';
import type { Logger } from 'pino';
import type { BoundListener } from '../listeners/bound-listener.js';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import { NotifySocket } from './notify-socket.js';
import { isRestarted } from './restart-job.js';

/** What a store works with. */
export interface SocketStoreOptions {
  readonly socket: Pick<NotifySocket, 'tell'>;
  /** Whether systemd stops the service to start it again. */
  readonly isRestarted: () => Promise<boolean>;
}

export class SocketStore {
  readonly #options: SocketStoreOptions;
  #restart: Promise<boolean> | undefined;
  #isLeft = false;

  constructor(options: SocketStoreOptions) {
    this.#options = options;
  }

  /** From now on systemd holds what these hold. */
  follow(listeners: BoundListeners): void {
    const keep = (listener: BoundListener): void => this.#keep(listener);
    listeners.held().forEach(keep);
    listeners.on('held', keep);
    listeners.on('closed', ({ key }) => this.#forget(key));
    // What is stored for a daemon that died before its master had it: the site's next try is to find the address free.
    listeners.on('occupied', (key) => this.#forget(key));
  }

  /** The service stops. Resolves when it is known whether it is started again, for which the sockets stay open. */
  async stopping(): Promise<void> {
    this.#restart ??= this.#options.isRestarted();
    if (await this.#restart) this.leave();
  }

  /** It stays as it is, for the next daemon. */
  leave(): void {
    this.#isLeft = true;
  }

  #keep({ key, isPassed, address: ipaddress, port, handle }: BoundListener): void {
    // Who has passed one keeps it. Nobody asks again for a port that the kernel has chosen, nor waits for a datagram's.
    if (isPassed || toKeyedAddress({ ipaddress, port }).key !== key) return;
    // Without FDPOLL=0 systemd takes out what nobody listens on yet.
    this.#tell(['FDSTORE=1', `FDNAME=${storedName(key)}`, 'FDPOLL=0'], handle);
  }

  #forget(key: string): void {
    this.#tell(['FDSTOREREMOVE=1', `FDNAME=${storedName(key)}`]);
  }

  #tell(assignments: readonly string[], passed?: { fd: number }): void {
    if (!this.#isLeft) this.#options.socket.tell(assignments, passed);
  }
}

/**
 * Whether systemd holds sockets for this service: its unit has a `FileDescriptorStoreMax=`, which systemd 254 and later put
 * into `FDSTORE`, and the unit itself for those before. Where it does, no guard is needed, which could not bind them.
 */
export function hasSocketStore({
  FDSTORE: max = '',
  NOTIFY_SOCKET: address = '',
}: NodeJS.ProcessEnv): boolean {
  return /^[1-9]\d*$/u.test(max) && /^[/@]./u.test(address) && nativeCalls() !== undefined;
}

/** The store of this process's service; undefined where there is none. */
export function socketStore(env: NodeJS.ProcessEnv, log: Logger): SocketStore | undefined {
  const { NOTIFY_SOCKET: address = '' } = env;
  if (!hasSocketStore(env)) return undefined;
  const onFailed = (why: string): void => log.warn({ event: 'systemd.not-told', address, why });
  return new SocketStore({
    socket: new NotifySocket(address, onFailed),
    isRestarted: () => isRestarted(address),
  });
}

/** Whether a socket of this name comes from the store. */
export function isStoredName(name: string): boolean {
  return name.startsWith(STORED);
}

/** Printable ASCII without a colon, sd_notify(3). */
function storedName(key: string): string {
  return `${STORED}${key.replaceAll(':', '_')}`;
}

const STORED = 'vhostd-';
