// What a daemon needs to take the place of another one: how it is started, what it is told, which listeners it gets.
import type { LinkType } from './link-type.js';
import type { AcquiredListener } from './daemon-master.js';

/** The environment variable with a {@link TakeoverInfo} as JSON; removed when read. */
export const TAKEOVER_VARIABLE = 'VHOSTD_TAKEOVER';

/** How the program of a daemon is started once more. */
export interface LaunchInfo {
  /** The Node binary. */
  execPath: string;
  /** The name that the binary was called by, as an absolute path: its links may lead elsewhere by now. */
  argv0: string;
  execArgv: string[];
  /** The program's file, absolute, and its arguments. */
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** The run directory that it is to take. */
  runDir: string;
  linkType: LinkType;
  /** How long it may take until it is the daemon, ms. */
  bootTimeoutMs: number;
}

/** A master whose daemon has died. */
export interface OrphanedMaster {
  pid: number;
  /** As in the PID file: clock ticks from the machine's boot, and that boot's id. */
  startTime: string;
  bootId: string;
  /** How long it has run, ms. */
  uptimeMs: number;
  /** How many masters there were before it. */
  restarts: number;
}

/** What a daemon is told that did not come first. */
export type TakeoverInfo =
  /** The parent is a master without a daemon: take the run directory, then the master. */
  | { role: 'respawned'; runDir: string; master: OrphanedMaster }
  /** The parent is a daemon that is to be replaced: start a master, and take over when told. */
  | { role: 'candidate'; runDir: string };

/** A bound socket that changes hands. */
export interface TransferredListener extends AcquiredListener {
  /** How many times the sender listens on it. */
  claims: number;
}

/** Daemon → the daemon that is to replace it. */
export type DaemonToCandidate = {
  ping: { params: null; result: null };
  /** A bound socket, which travels along. */
  transferListener: { params: TransferredListener; result: null };
  /** All sockets are there: starts a master. Answered once its sites are loaded. */
  begin: { params: null; result: CandidateReport };
  /** The run directory is free: takes it, and lets the master accept. */
  takeOver: { params: null; result: null };
};

/** The daemon that is to replace another one → that one. */
export type CandidateToDaemon = {
  /** How far it is, in words. A notice. */
  progress: { params: { what: string }; result: null };
};

/** What the new daemon's master has come to. */
export interface CandidateReport {
  pid: number;
  version: string;
  node: string;
  /** Sites that serve. */
  running: string[];
  /** Sites that do not, and why. */
  failed: { siteId: string; reason: string }[];
}
