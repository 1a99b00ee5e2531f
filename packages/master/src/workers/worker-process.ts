// One process of a worker: given connections, heard, asked to drain.
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { VhostError } from '@vhostd/protocol';
import { FrameKind, Peer, UNTRUSTED_LIMITS } from '@vhostd/transport';
import type { DirectListener, MasterToWorker, WorkerIdentity, WorkerToMaster } from '@vhostd/protocol';
import { fromChildProcess, isWaiting, signalGroup } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import type { Frame, Link, NativeHandle, ReadingShare } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import { parseCertificates } from './told-certificates.js';
import type { MasterEvents } from '../events.js';
import { isFenced } from '../conf/trust.js';
import type { Acceptor } from '../ingress/acceptor.js';
import type { Connection, Ingress, ReturnReason } from '../ingress/connection.js';
import { batchUse } from '../node/batch-use.js';
import { HandBacks } from './hand-backs.js';
import type { HandBackOwner } from './hand-backs.js';
import { Handoff } from './handoff.js';
import { afterWords, LastWords } from './last-words.js';
import { parseQuiet, parseStill } from './quiet.js';
import type { ToldQuiet } from './quiet.js';
import type { SpawnedWorker, WorkerProcessEvents } from './spawned-worker.js';
import { startWorker } from './worker-launch.js';
import type { WorkerSpare } from './worker-spare.js';
import type { WorkerLaunch } from './worker-launch.js';
import {
  parseFailure,
  parseLeaveReason,
  parseMaxConnections,
  parseOtherServer,
  tellsTried,
} from './worker-notifications.js';

export class WorkerProcess extends EventEmitter<WorkerProcessEvents> implements SpawnedWorker, HandBackOwner {
  readonly identity: WorkerIdentity;
  readonly process: ChildProcess;
  readonly handle: ChildHandle;
  /** What it prints; null where it could not be started. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly peer: Peer<MasterToWorker, WorkerToMaster>;
  readonly #link: Link;
  readonly #readingShare: ReadingShare;
  readonly #handoff: Handoff;
  readonly #handBacks: HandBacks;
  readonly #ingress: Ingress;
  readonly #acceptor: Acceptor;
  readonly #events: MasterEvents;
  readonly #gone = new AbortController();
  readonly #words = new LastWords();
  #maxConnections: number | undefined;
  /** Listeners whose socket it has or had. */
  readonly #directKeys = new Set<string>();
  #ends = 0;
  #asked = false;
  readonly waited: boolean;
  readonly #isFenced: boolean;
  #oomKilled = false;
  #exited = false;
  #linkLost: NodeJS.Timeout | undefined;
  #endBatches: () => void = () => undefined;

  /**
   * Forks the process, unless there is one. What it returns enters at the acceptor again, for this ingress.
   * @throws {Error} what fork throws, ERR_NODE_INTERNALS.
   */
  constructor(
    launch: WorkerLaunch,
    ingress: Ingress,
    acceptor: Acceptor,
    events: MasterEvents,
    spare?: WorkerSpare,
  ) {
    super();
    this.identity = launch.identity;
    this.waited = spare !== undefined;
    this.#isFenced = isFenced(launch.conf);
    this.#readingShare = launch.readingShare;
    this.#ingress = ingress;
    this.#acceptor = acceptor;
    this.#events = events;
    const onViolation = (detail: string): void => void this.emit('violation', detail);
    const { child, link, offers, stdout, stderr } = spare?.begin(launch) ?? startWorker(launch, onViolation);
    child.on('error', () => undefined);
    this.process = child.process;
    this.stdout = stdout;
    this.stderr = stderr;
    this.#link = link;
    this.handle = this.#handleOf(launch);
    stderr?.on('data', (chunk: Buffer | string) => this.#words.push(chunk));
    this.#handoff = new Handoff(link, offers, () => void this.emit('late'));
    this.#handBacks = new HandBacks(link, this);
    this.peer = new Peer<MasterToWorker, WorkerToMaster>(link, {
      name: `worker ${launch.identity.workerId}`,
      timeoutMs: launch.conf.callTimeoutMs,
      ...UNTRUSTED_LIMITS,
      onViolation,
      onFrame: (frame) => this.#onFrame(frame),
      onEnd: ({ reason }) => {
        this.#gone.abort();
        if (reason !== 'violation' && !this.#exited)
          this.#linkLost = setTimeout(() => this.emit('link-lost'), LINK_LOST_MS);
        this.#onEnd();
      },
    });
    this.#hear();
    this.peer.start();
    this.process.once('exit', () => {
      this.#exited = true;
      this.#onEnd();
    });
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get lastWords(): string | undefined {
    return this.#words.text;
  }

  get oomKilled(): boolean {
    return this.#oomKilled;
  }

  get connectionCount(): number {
    return this.#handoff.connectionCount;
  }

  get awaitedCount(): number {
    return this.#handoff.awaitedCount;
  }

  /** Whether it can be given another connection. */
  get takesConnections(): boolean {
    return this.#handoff.open;
  }

  get full(): boolean {
    return this.#maxConnections !== undefined && this.connectionCount >= this.#maxConnections;
  }

  get late(): boolean {
    return this.#handoff.late;
  }

  get ahead(): boolean {
    return this.#handoff.ahead;
  }

  get idle(): boolean {
    const { pid } = this.process;
    return this.#handoff.pendingCount === 0 && pid !== undefined && isWaiting(pid) !== false;
  }

  give(connection: Connection): boolean {
    if (!this.#handoff.give(connection)) return false;
    // Its confirmation is no excess, however many there are.
    this.#readingShare.earn(CONFIRMATION_MS);
    return true;
  }

  get handsBack(): boolean {
    return this.#link.receivesHandles;
  }

  async accept(listener: DirectListener, socket: NativeHandle): Promise<boolean> {
    this.#directKeys.add(listener.listener);
    try {
      return await this.peer.request('accept', listener, {
        passenger: { handle: socket, release: () => undefined },
        timeoutMs: ACCEPT_LIMIT_MS,
      });
    } catch {
      return false;
    }
  }

  acceptUpTo(count: number | undefined): void {
    this.peer.request('acceptUpTo', { count: count ?? null }).catch(() => undefined);
  }

  async acceptNoMore(listenerKey: string): Promise<void> {
    try {
      await this.peer.request('acceptNoMore', { listener: listenerKey });
    } catch (error) {
      const isGone = error instanceof VhostError && error.code === 'ERR_CALL_LOST';
      if (!isGone) this.emit('violation', `it may still accept connections of ${listenerKey}`);
    }
  }

  retract(): void {
    for (const connection of this.#handoff.retract()) this.#return(connection, 'retracted');
  }

  /** Asks it to finish what it has and leave; with `handBack`, to hand back what is idle for another worker. */
  drain(limitMs: number, handBack: boolean): void {
    this.#asked = true;
    const params = { limitMs, handBack: handBack && this.#link.receivesHandles };
    this.peer.request('drain', params, { timeoutMs: limitMs + 1000 }).catch(() => undefined);
  }

  async quiet(): Promise<ToldQuiet | undefined> {
    return parseQuiet(await this.#askStill('quiet', QUIET_LIMIT_MS));
  }

  async standStill(): Promise<number | undefined> {
    return parseStill(await this.#askStill('standStill', STILL_LIMIT_MS));
  }

  /** The master keeps, and reads from, no connection of a worker that is not trusted. */
  async #askStill(what: 'quiet' | 'standStill', timeoutMs: number): Promise<unknown> {
    const params = { handBack: this.handsBack && !this.#isFenced };
    return await this.peer.request(what, params, { timeoutMs }).catch(() => undefined);
  }

  goOn(): void {
    this.peer.request('goOn', null).catch(() => undefined);
  }

  halt(isHalted: boolean): void {
    const { pid } = this.process;
    if (pid !== undefined && !this.#exited) signalGroup(pid, isHalted ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Its end is told when what it wrote has been read, which says why. */
  #handleOf({ groups, groupOf }: WorkerLaunch): ChildHandle {
    const handle = fromChildProcess(this.process);
    const group = groupOf(handle.pid);
    const onExit: ChildHandle['onExit'] = (callback) =>
      handle.onExit((code, signal) => {
        this.#oomKilled = signal === 'SIGKILL' && group !== undefined && group.oomKillCount > 0;
        if (handle.pid !== undefined) groups.end(handle.pid, group);
        this.#afterWords(() => callback(code, signal));
      });
    return { ...handle, onExit };
  }

  #afterWords(callback: () => void): void {
    if (this.#asked || this.stderr === null) return callback();
    afterWords(this.stderr, callback);
  }

  get givenCount(): number {
    return this.#directKeys.size > 0 ? Infinity : this.#handoff.givenCount;
  }

  wasGivenOf(listenerKey: string): boolean {
    return this.#directKeys.has(listenerKey) || this.#handoff.gaveOf(listenerKey);
  }

  takesHandedBack(listenerKey: string, host: string | undefined, handle: NativeHandle): boolean {
    const owner = this.#isFenced ? undefined : this.#acceptor.ownerOf(listenerKey, host, handle);
    return (owner ?? this.#ingress).takesHandedBack;
  }

  onHandedBack(connection: Connection): void {
    this.#return(connection, 'handed-back');
  }

  #return(connection: Connection, why: ReturnReason): void {
    const { siteId, workerId, slot } = this.identity;
    const fenced = this.#isFenced;
    connection.returned = { why, siteId, workerId, slot, ingress: this.#ingress, fenced };
    this.#acceptor.accept(connection);
  }

  #hear(): void {
    this.peer.handle('starting', () => this.#tell('starting'));
    this.peer.handle('ready', (params) => {
      if (tellsTried(params)) this.emit('tried-node');
      return this.#tell('ready');
    });
    this.peer.handle('waits', () => this.#tell('waits'));
    this.peer.handle('takeBatches', () => {
      const { batches } = this.#link;
      if (batches === undefined || this.#exited) return false;
      if (!batches.active) this.#endBatches = batchUse.begin();
      batches.active = true;
      return true;
    });
    this.peer.handle('leaving', (params) => {
      this.emit('leaving', parseLeaveReason(params));
      return null;
    });
    this.peer.handle('listens', (params) => {
      const server = parseOtherServer(params);
      if (server !== undefined) this.emit('listens', server);
      return null;
    });
    this.peer.handle('certificates', (params) => {
      this.emit('certificates', parseCertificates(params));
      return null;
    });
    this.peer.handle('maxConnections', (params) => {
      this.#maxConnections = parseMaxConnections(params);
      return null;
    });
    this.peer.handle('failed', (params) => {
      this.emit('failed', parseFailure(params));
      return null;
    });
    this.peer.handle('message', (params) => {
      // What `process.send` of a site's code says: `cluster.on('message')` hears of it here, as ever.
      this.process.emit('message', params, undefined);
      return null;
    });
  }

  #tell(event: 'starting' | 'ready' | 'waits'): null {
    this.emit(event);
    return null;
  }

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case FrameKind.accepted:
        this.#onAccepted(frame.payload);
        return frame.handle?.close();
      case FrameKind.lost:
        frame.handle?.close();
        for (const connection of this.#handoff.onLost(frame.payload)) this.#return(connection, 'lost');
        return undefined;
      case FrameKind.handBack: {
        const violation = this.#handBacks.receive(frame);
        if (violation !== undefined) this.emit('violation', violation);
        return undefined;
      }
      case FrameKind.message:
      case FrameKind.connection:
      case FrameKind.handBackAnswer:
      case FrameKind.begin:
        frame.handle?.close();
        this.emit('violation', 'a frame of a kind that only the master sends');
        return undefined;
    }
  }

  #onAccepted(payload: Buffer): void {
    const confirmation = this.#handoff.onAccepted(payload);
    if (confirmation.kind === 'violation') return void this.emit('violation', confirmation.detail);
    this.#tellAccepted(confirmation.acceptedCount);
    const { siteId, workerId } = this.identity;
    const { directCount } = confirmation;
    if (directCount > 0)
      this.#events.emit('connection.accepted-directly', { siteId, workerId, count: directCount });
    this.emit('confirmed');
  }

  #tellAccepted(count: number): void {
    const { siteId, workerId } = this.identity;
    if (count > 0) this.#events.emit('connection.handed-off', { siteId, workerId, count });
  }

  /** The link and the process end in either order; a late confirmation is read before the link's end. */
  #onEnd(): void {
    this.#ends += 1;
    this.#endBatches();
    if (this.#ends < 2) return;
    clearTimeout(this.#linkLost);
    for (const connection of this.#handBacks.takeBack()) this.#return(connection, 'handed-back');
    const { connections, acceptedCount } = this.#handoff.takeBack();
    this.#tellAccepted(acceptedCount);
    for (const connection of connections) this.#return(connection, 'unconfirmed');
  }
}

/** What it takes to read the confirmation of one connection and to close it here, generously, ms. */
const CONFIRMATION_MS = 0.05;
/** How soon a worker says for how long it has had nothing to do, ms; and how soon it has handed back its connections. */
const QUIET_LIMIT_MS = 2000;
const STILL_LIMIT_MS = 10_000;
/** How soon a worker accepts by itself, ms: one whose event loop stands still does not, and may be asked again. */
const ACCEPT_LIMIT_MS = 1000;

/** How long a process may live without its link: one that leaves closes it a moment before it ends, ms. */
const LINK_LOST_MS = 1000;
