// A process of a worker, as whoever started it sees it: one of Node's, a program of any kind, or one of a test.
import type {
  CertificateFacts,
  DirectListener,
  MasterToWorker,
  OtherServer,
  WireError,
  WorkerIdentity,
  WorkerToMaster,
} from '@vhostd/protocol';
import type { ChildHandle } from '@vhostd/supervisor';
import type { NativeHandle, Peer } from '@vhostd/transport';
import type { EventEmitter } from 'eventemitter3';
import type { Connection } from '../ingress/connection.js';
import type { ToldQuiet } from './quiet.js';

/** What a worker's process tells. */
export interface WorkerProcessEvents {
  /** The site's server is set. */
  starting: [];
  /** A server listens that is not the site's. */
  listens: [server: OtherServer];
  /** The certificates that it serves from now on. */
  certificates: [certificates: readonly CertificateFacts[]];
  ready: [];
  /** It has tried out the Node that this master runs, too. */
  'tried-node': [];
  failed: [error: WireError];
  /** It only waits for its app to say that it is ready. */
  waits: [];
  /** It wants to leave, for this reason. */
  leaving: [why: string];
  /** It has confirmed connections: how many it has may have changed. */
  confirmed: [];
  /** It has left a connection unconfirmed for a while. */
  late: [];
  /** It broke the rules; it must be killed. */
  violation: [detail: string];
  /** Its link has ended, but the process lives on: it can be told nothing any more. */
  'link-lost': [];
}

/** A worker's process, as a worker sees it. */
export interface SpawnedWorker extends EventEmitter<WorkerProcessEvents> {
  readonly identity: WorkerIdentity;
  readonly handle: ChildHandle;
  readonly peer: Pick<Peer<MasterToWorker, WorkerToMaster>, 'handle' | 'request'>;
  /** Aborts when the link has ended. */
  readonly gone: AbortSignal;
  readonly connectionCount: number;
  /** Connections that it was given lately and has not confirmed. */
  readonly awaitedCount: number;
  /** What it last wrote to its standard error, in one line. */
  readonly lastWords: string | undefined;
  /** It was started ahead of need, and has waited. */
  readonly waited: boolean;
  /** The kernel has ended it for want of memory. */
  readonly oomKilled: boolean;
  /** Whether it can be given another connection. */
  readonly takesConnections: boolean;
  /** Whether its server has as many connections as it takes at a time. */
  readonly full: boolean;
  /** Whether it has left a connection unconfirmed for a while: its event loop does not turn. */
  readonly late: boolean;
  /** Whether it has been given as many connections as it begins with in a moment, and has confirmed none of them. */
  readonly ahead: boolean;
  /** Whether it has confirmed all that it was given, and its event loop waits. */
  readonly idle: boolean;
  /** Whether it can hand connections back. */
  readonly handsBack: boolean;
  give(connection: Connection): boolean;
  /** Lets it accept on a listening socket by itself, which stays the caller's; resolves with whether it does now. */
  accept(listener: DirectListener, socket: NativeHandle): Promise<boolean>;
  /** With so many connections it has its share from now on, and rests; undefined: with any number. */
  acceptUpTo(count: number | undefined): void;
  /** Lets it accept there no more. One that does not say in time that it has stopped breaks the rules. */
  acceptNoMore(listenerKey: string): Promise<void>;
  /** Gives the connections that it has not begun with to whoever takes them now. */
  retract(): void;
  drain(limitMs: number, handBack: boolean): void;
  /** For how long it has had nothing to do; undefined: it does not say. */
  quiet(): Promise<ToldQuiet | undefined>;
  /**
   * It hands back its idle connections and may be stopped then; resolves with how many connections it has, or undefined
   * where it does not say.
   */
  standStill(): Promise<number | undefined>;
  /** It runs again, or is not stopped after all. */
  goOn(): void;
  /** Stops the process, and what it has started, where they stand; or lets them run again. */
  halt(isHalted: boolean): void;
}
