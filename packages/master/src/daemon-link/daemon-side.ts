// A master's side of its daemon: the link to it, the sockets it gives, and another daemon when it dies.
import { VhostError } from '@vhostd/protocol';
import { GuardPipe, openParentLink, Peer } from '@vhostd/transport';
import type {
  AcquiredListener,
  ForkedWorker,
  LaunchInfo,
  DaemonToMaster,
  MasterToDaemon,
} from '@vhostd/protocol';
import type { Link, NativeHandle } from '@vhostd/transport';
import type { ListenerSource, OpenSocket } from '../listeners/listener-source.js';
import { answerDaemon } from './daemon-requests.js';
import type { DaemonRequests } from './daemon-requests.js';
import { DaemonRespawner } from './daemon-respawner.js';
import type { StateStore } from './served-state.js';
import { TransferredListeners } from './transferred-listeners.js';

export type DaemonPeer = Peer<MasterToDaemon, DaemonToMaster>;

/** What the side of the daemon needs of the master, and tells it. */
export interface DaemonHost extends DaemonRequests {
  /** The daemon's sockets that the master listens on. */
  openSockets(): OpenSocket[];
  /** The workers that have not ended. */
  workers(): ForkedWorker[];
  /** The daemon is gone and none follows. */
  onOrphaned(): void;
  /** Another daemon has taken the place of the dead one. */
  onAdopted(): void;
  log(event: string, fields: Record<string, unknown>): void;
}

export class DaemonSide implements ListenerSource, StateStore {
  readonly #host: DaemonHost;
  readonly #transferred = new TransferredListeners();
  readonly #respawner: DaemonRespawner;
  /** What is kept for the master after this one. */
  readonly #kept = new Map<string, unknown>();
  readonly #guard = GuardPipe.inherited();
  #peer: DaemonPeer | undefined;
  #launch: LaunchInfo | undefined;
  #restarts = 0;
  /** The present daemon has not given a sign of life yet. */
  #silent = false;
  #leaving = false;
  /** Those who wait for a daemon. */
  #waiting: (() => void)[] = [];

  private constructor(host: DaemonHost) {
    this.#host = host;
    this.#respawner = new DaemonRespawner({
      launch: () => this.#launch,
      restarts: () => this.#restarts,
      guardFd: () => this.#guard?.fd,
      onStarted: (link, pid) => {
        this.#attach(link);
        this.#transferAll();
        host.log('daemon.started', { daemon: pid });
        for (const wake of this.#waiting.splice(0)) wake();
      },
      onFailed: (reason) => host.log('daemon.ended', { reason }),
    });
  }

  /** The side of the daemon that forked this process; undefined when nobody of ours did. */
  static connect(host: DaemonHost): DaemonSide | undefined {
    // What a daemon that is dead by now had sent makes this master serve and start another.
    const link = openParentLink({ evenOrphaned: true });
    if (link === undefined) return undefined;
    const side = new DaemonSide(host);
    side.#attach(link);
    return side;
  }

  /** The daemon; the last one while there is none: it answers nothing then. */
  get peer(): DaemonPeer | undefined {
    return this.#peer;
  }

  /** The master ends, or does without a daemon: none is started from now on. */
  leave(): void {
    this.#leaving = true;
    this.#respawner.stop();
    this.#guard?.close();
    this.#transferred.clear();
  }

  /**
   * A bound socket of the daemon's. While it is being replaced, one that it had pushed ahead, or the next daemon's.
   * @throws {VhostError} ERR_LISTEN_*; ERR_CALL_LOST when there is no daemon for too long.
   */
  async acquire(request: {
    ipaddress?: string;
    port: number;
    udp?: true;
  }): Promise<{ value: AcquiredListener; handle: NativeHandle | undefined }> {
    for (const deadlineMs = performance.now() + ACQUIRE_LIMIT_MS; ;) {
      const peer = this.#peer;
      try {
        const transferred = this.#silent ? this.#transferred.take(request) : undefined;
        if (transferred !== undefined) {
          void this.#claim(request);
          return { value: transferred, handle: transferred.handle };
        }
        if (peer === undefined) throw lost();
        const acquired = await peer.requestWithHandle('acquireListener', request);
        this.#transferred.take(request)?.handle.close();
        return acquired;
      } catch (error) {
        const follows = !this.#leaving && this.#launch !== undefined;
        if (!isLost(error) || !follows || performance.now() > deadlineMs) throw error;
        if (this.#peer === peer) await this.#nextPeer();
      }
    }
  }

  /** The master has every socket that it needs for now. */
  settled(): void {
    if (!this.#silent) this.#transferred.clear();
  }

  /**
   * Keeps a value for the master after this one, also with daemons that follow; null forgets it. False when the
   * present daemon could not be told: say it again later.
   * @throws {VhostError} ERR_CALL_TOO_LARGE.
   */
  save(key: string, value: unknown): boolean {
    if (value === null) this.#kept.delete(key);
    else this.#kept.set(key, value);
    return this.#peer?.notify('saveState', { key, value }) === true;
  }

  /** What the master before this one has kept, or null. Rejects as requests do. */
  async load(key: string): Promise<unknown> {
    return await this.#peer?.request('loadState', { key });
  }

  async release(key: string): Promise<void> {
    await this.#peer?.request('releaseListener', { key }).catch(() => undefined);
  }

  #attach(link: Link): void {
    const peer: DaemonPeer = new Peer(link, { name: 'the daemon', onEnd: () => this.#ended(peer) });
    answerDaemon(peer, this.#host, {
      onPing: () => this.#alive(),
      onAllowed: (launch, restarts) => {
        this.#launch = launch;
        this.#restarts = restarts;
      },
      onForbidden: () => {
        this.#launch = undefined;
      },
      onListener: (listener, handle) => {
        if (this.#leaving) handle.close();
        else this.#transferred.add(listener, handle);
      },
    });
    peer.start();
    this.#peer = peer;
  }

  #ended(peer: DaemonPeer): void {
    if (this.#leaving || this.#peer !== peer) return;
    this.#silent = true;
    // What waited for an answer asks again in this turn, when this has returned: the next daemon is there by then.
    if (this.#launch === undefined) this.#host.onOrphaned();
    else {
      // Whoever reads what they print may have gone with the daemon.
      for (const stream of [process.stdout, process.stderr]) {
        if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
      }
      this.#host.log('daemon.lost', {});
      this.#respawner.linkEnded(this.#launch);
    }
  }

  #alive(): void {
    this.#respawner.alive();
    if (!this.#silent) return;
    this.#silent = false;
    this.#host.log('daemon.adopted', {});
    this.#host.onAdopted();
  }

  /** Gives a new daemon every socket, claimed where the master listens; tells of workers, and of what is kept. */
  #transferAll(): void {
    for (const worker of this.#host.workers()) this.#peer?.notify('workerForked', worker);
    for (const [key, value] of this.#kept) this.#peer?.notify('saveState', { key, value });
    const open = this.#host.openSockets().map((socket) => ({ ...socket, claims: 1 }));
    const spare = this.#transferred.list().map((socket) => ({ ...socket, claims: 0 }));
    for (const { handle, key, address, port, claims } of [...open, ...spare]) {
      const passenger = { handle, release: () => undefined };
      this.#peer
        ?.request('transferListener', { key, address, port, claims }, { passenger })
        .catch((error: unknown) =>
          this.#host.log('listener.not-transferred', { key, message: String(error) }),
        );
    }
  }

  /** Tells the daemon of a socket that was taken without it. */
  async #claim(request: { ipaddress?: string; port: number }): Promise<void> {
    try {
      const { handle } = (await this.#peer?.requestWithHandle('acquireListener', request)) ?? {};
      handle?.close();
    } catch {
      // The next daemon is told with all the others.
    }
  }

  #nextPeer(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, NEXT_LIMIT_MS);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function lost(): VhostError {
  return new VhostError('ERR_CALL_LOST', 'the daemon is gone');
}

function isLost(error: unknown): boolean {
  return error instanceof VhostError && error.code === 'ERR_CALL_LOST';
}

/** How long a socket is waited for while daemons come and go, ms. */
const ACQUIRE_LIMIT_MS = 30_000;
/** After so long it is looked again, ms. */
const NEXT_LIMIT_MS = 1000;
