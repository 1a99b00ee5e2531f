// One process of a worker: forked with its link, guarded, asked to drain; its messages are narrowed here.
import cluster from 'node:cluster';
import type { Worker as ClusterWorker } from 'node:cluster';
import type { ChildProcess } from 'node:child_process';
import { WORKER_VARIABLE } from '@vhostd/protocol';
import { forkWithLink, FrameKind, Peer } from '@vhostd/transport';
import type {
  LinkType,
  MasterToWorker,
  OtherServer,
  WireError,
  WorkerIdentity,
  WorkerToMaster,
} from '@vhostd/protocol';
import type { Frame, RequestContext } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import { HandBacks } from './hand-backs.js';
import { Handoff } from './handoff.js';

/** What a worker process tells its slot. */
export interface WorkerEvents {
  /** The site's server is set. */
  onStarting(): void;
  /** A server listens that is not the site's. */
  onListens(server: OtherServer): void;
  onReady(): void;
  onFailed(error: WireError): void;
  /** It only waits for its app to say that it is ready. */
  onWaits(): void;
  /** It wants to leave, for this reason. */
  onLeaving(why: string): void;
  onUpdate(params: unknown): Promise<WorkerToMaster['updateServerConf']['result']>;
  /** It waits for sites; `gone` aborts when its link has ended. */
  onWait(params: unknown, gone: AbortSignal): Promise<null>;
  onCall(params: unknown, context: RequestContext): Promise<unknown>;
  /** The worker took over this many connections. */
  onAccepted(count: number): void;
  /** These connections reached the worker without their descriptor. */
  onLost(connections: Connection[]): void;
  /** Whether there is a use for a connection that the worker hands back. */
  wantsHandedBack(): boolean;
  /** A connection that the worker handed back. */
  onHandedBack(connection: Connection): void;
  /** The worker broke the rules; it must be killed. */
  onViolation(detail: string): void;
  /** The link has ended, but the process lives on: it can be told nothing any more. */
  onLinkLost(): void;
  /** The link has ended and so has the process: what it never confirmed. */
  onGone(unconfirmed: Connection[]): void;
}

/** How to start one. */
export interface WorkerSpawn {
  conf: SiteConf;
  identity: WorkerIdentity;
  linkType: LinkType;
  /** The module that each worker loads before its site's code. */
  preload: string;
  /** The longest head that the master takes, bytes: the worker's parser must not refuse it. */
  headMaxBytes: number;
  /** Absolute path of what the worker runs, with every symbolic link resolved. */
  workerFile: string;
  /** Its working directory, likewise. */
  cwd: string;
}

export class WorkerProcess {
  readonly identity: WorkerIdentity;
  readonly process: ChildProcess;
  readonly peer: Peer<MasterToWorker, WorkerToMaster>;
  readonly #handoff: Handoff;
  readonly #handBacks: HandBacks;
  readonly #events: WorkerEvents;
  readonly #gone = new AbortController();
  #ends = 0;
  #exited = false;
  #linkLost: NodeJS.Timeout | undefined;

  /**
   * Forks the process.
   * @throws {Error} what fork throws, ERR_NODE_INTERNALS.
   */
  constructor(spawn: WorkerSpawn, events: WorkerEvents) {
    this.identity = spawn.identity;
    this.#events = events;
    const { child, link } = forkWithLink(
      (variables) => forkWorker(spawn, variables),
      (worker: ClusterWorker) => worker.process,
      { type: spawn.linkType, onViolation: (detail) => events.onViolation(detail) },
    );
    child.on('error', () => undefined);
    this.process = child.process;
    this.#handoff = new Handoff(link);
    this.#handBacks = new HandBacks(link, {
      givenCount: () => this.#handoff.givenCount,
      wanted: () => events.wantsHandedBack(),
      onConnection: (connection) => events.onHandedBack(connection),
    });
    this.peer = new Peer<MasterToWorker, WorkerToMaster>(link, {
      name: `worker ${spawn.identity.workerId}`,
      timeoutMs: spawn.conf.callTimeoutMs,
      onViolation: (detail) => events.onViolation(detail),
      onFrame: (frame) => this.#onFrame(frame),
      onEnd: ({ reason }) => {
        this.#gone.abort();
        if (reason !== 'violation' && !this.#exited)
          this.#linkLost = setTimeout(() => events.onLinkLost(), LINK_LOST_MS);
        this.#onEnd();
      },
    });
    this.peer.handle('starting', () => {
      events.onStarting();
      return null;
    });
    this.peer.handle('listens', (params) => {
      const server = otherServerOf(params);
      if (server !== undefined) events.onListens(server);
      return null;
    });
    this.peer.handle('ready', () => {
      events.onReady();
      return null;
    });
    this.peer.handle('failed', (params) => {
      events.onFailed(wireErrorOf(params));
      return null;
    });
    this.peer.handle('waits', () => {
      events.onWaits();
      return null;
    });
    this.peer.handle('leaving', (params) => {
      const closed = typeof params === 'object' && params !== null && Reflect.get(params, 'why') === 'closed';
      events.onLeaving(closed ? 'its app closed its server' : 'it was sent SIGTERM');
      return null;
    });
    this.peer.handle('updateServerConf', (params) => events.onUpdate(params));
    this.peer.handle('waitForSites', (params) => events.onWait(params, this.#gone.signal));
    this.peer.handle('call', (params, context) => events.onCall(params, context));
    this.peer.start();
    this.process.once('exit', () => {
      this.#exited = true;
      this.#onEnd();
    });
  }

  get connectionCount(): number {
    return this.#handoff.connectionCount;
  }

  /** Whether it can be given another connection. */
  get takesConnections(): boolean {
    return this.#handoff.open;
  }

  give(connection: Connection): boolean {
    return this.#handoff.give(connection);
  }

  /** Asks it to finish what it has and leave; with `handBack`, to hand back what is idle for another worker. */
  drain(limitMs: number, handBack: boolean): void {
    this.peer.request('drain', { limitMs, handBack }, { timeoutMs: limitMs + 1000 }).catch(() => undefined);
  }

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case FrameKind.accepted: {
        const confirmation = this.#handoff.onAccepted(frame.payload);
        if (confirmation.kind === 'violation') this.#events.onViolation(confirmation.detail);
        else this.#events.onAccepted(confirmation.acceptedCount);
        return frame.handle?.close();
      }
      case FrameKind.lost:
        frame.handle?.close();
        return this.#events.onLost(this.#handoff.onLost(frame.payload));
      case FrameKind.handBack: {
        const violation = this.#handBacks.receive(frame);
        if (violation !== undefined) this.#events.onViolation(violation);
        return undefined;
      }
      case FrameKind.message:
      case FrameKind.connection:
      case FrameKind.handBackAnswer:
        frame.handle?.close();
        return this.#events.onViolation('a frame of a kind that only the master sends');
    }
  }

  /** The link and the process end in either order; a late confirmation is read before the link's end. */
  #onEnd(): void {
    this.#ends += 1;
    if (this.#ends < 2) return;
    clearTimeout(this.#linkLost);
    for (const connection of this.#handBacks.takeBack()) this.#events.onHandedBack(connection);
    this.#events.onGone(this.#handoff.takeBack());
  }
}

function forkWorker(spawn: WorkerSpawn, variables: Record<string, string>): ClusterWorker {
  const { conf, identity } = spawn;
  const { execArgv, env, uid, gid } = conf.workerOptions;
  // What is not named stays as it was for the last worker, of whatever site.
  delete cluster.settings.uid;
  delete cluster.settings.gid;
  cluster.setupPrimary({
    exec: spawn.workerFile,
    args: [...conf.workerArgs],
    execArgv: ['--require', spawn.preload, `--max-http-header-size=${spawn.headMaxBytes}`, ...execArgv],
    cwd: spawn.cwd,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
    // Said even where they are undefined: node:cluster keeps what an earlier call has set.
    uid,
    gid,
  });
  // Of the master's own variables, those that speak of the daemon are not the worker's.
  const own: Record<string, string | undefined> = { VHOSTD_MASTER: undefined, NODE_CHANNEL_FD: undefined };
  own['VHOSTD_SLOT'] = String(identity.slot);
  own[conf.instanceVar] = String(identity.slot);
  if (conf.appPort !== undefined) own['PORT'] = String(conf.appPort);
  return cluster.fork({ ...own, ...env, ...variables, [WORKER_VARIABLE]: JSON.stringify(identity) });
}

function otherServerOf(params: unknown): OtherServer | undefined {
  if (typeof params !== 'object' || params === null) return undefined;
  const { protocol, where, shares } = params as Record<string, unknown>;
  if (typeof where !== 'string') return undefined;
  return {
    protocol: protocol === 'http' ? 'http' : 'tcp',
    where: where.slice(0, 256),
    shares: shares === true,
  };
}

function wireErrorOf(params: unknown): WireError {
  const fallback = { code: 'ERR_WORKER_FAILED', message: 'the worker said that it failed, but not why' };
  if (typeof params !== 'object' || params === null || !('error' in params)) return fallback;
  const { error } = params;
  if (typeof error !== 'object' || error === null) return fallback;
  const { code, message, stack } = error as Record<string, unknown>;
  return {
    // An error without a code of its own was given one for calls.
    code: typeof code === 'string' && code !== 'ERR_CALL_FAILED' ? code : fallback.code,
    message: typeof message === 'string' ? message.slice(0, 4096) : fallback.message,
    ...(typeof stack === 'string' ? { stack: stack.slice(0, 16_384) } : {}),
  };
}

/** How long a process may live without its link: one that leaves closes it a moment before it ends, ms. */
const LINK_LOST_MS = 1000;
