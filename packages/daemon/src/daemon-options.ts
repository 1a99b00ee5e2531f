// What a daemon is told when it is made, and what it tells from then on.
import type { LinkType } from '@vhostd/protocol';
import type { BackoffOptions, ChildReason, RestartPolicy } from '@vhostd/supervisor';
import type { LogLevel } from './log-level.js';

/** Options of `Daemon`; all of them may be left out. */
export interface DaemonOptions {
  /** Default: `$XDG_RUNTIME_DIR/vhostd`, else `/run/vhostd` for root, else `~/.vhostd/run`. */
  runDir?: string;
  /**
   * Where the default logs of sites are, in `log`. Default: `$STATE_DIRECTORY` of systemd, else `$XDG_STATE_HOME/vhostd`,
   * else `/var/lib/vhostd` for root, else `~/.local/state/vhostd`; with a `runDir` of one's own a directory in that.
   */
  stateDir?: string;
  /**
   * Whether the master prints all output of sites on this process's output, too; `'json'`: all of it on standard output,
   * an object a line with `siteId`, `time`, `stream`, `workerId` and `line`. Default false.
   */
  screen?: boolean | 'json';
  /** The file that the master runs; `setMasterFile` sets it too. */
  masterFile?: string;
  /** The master's arguments. Default none. */
  masterArgs?: readonly string[];
  /** Variables that the master gets besides those of this process. */
  env?: Readonly<Record<string, string>>;
  /** Options of Node for the master. Default: those of this process. */
  execArgv?: readonly string[];
  /** Level of the daemon's own log, which is JSON lines on stderr. Default `info`. */
  logLevel?: LogLevel;
  /** Transport between daemon and master. Default `pipe`. */
  linkType?: LinkType;
  /**
   * Whether this process is the daemon's own. Default true: SIGTERM, SIGINT and SIGHUP are heeded, and the
   * process exits when the daemon was told to stop by a signal or by `vhostd stop`, or has failed; when the process
   * dies, the master starts the same program once more. False: it is part of a larger program, which hears of its end
   * by 'stopped' and is not started again.
   */
  signals?: boolean;
  supervision?: SupervisionOptions;
}

/** How the master is kept alive. A number out of range throws `ERR_SUPERVISOR_OPTION`. */
export interface SupervisionOptions {
  /** Default: 8 restarts within 60 000 ms. */
  restart?: Partial<Omit<RestartPolicy, 'mode'>>;
  /** Default: from 1 ms, times 5 with each restart in a row, up to 5000 ms, anew after 10 000 ms of being up. */
  backoff?: Partial<BackoffOptions>;
  /** How long a new master may take until it first answers, ms. Default 30 000. */
  bootTimeoutMs?: number;
  /** A master that is asked each `intervalMs` and has not answered for `limitMs` is killed. Default 2000, 15 000. */
  heartbeat?: { intervalMs: number; limitMs: number };
  /** How long the master may take to drain its sites before SIGTERM, ms. Default 3 600 000. */
  stopTimeoutMs?: number;
  /** How long a stop without draining may take before SIGKILL, and SIGTERM before it, ms. Default 5000. */
  stopNowTimeoutMs?: number;
  /** How long a listening address stays bound without a master that claims it, ms. Default 10 000. */
  listenerGraceMs?: number;
}

/** A site that could not be loaded. */
export interface LoadFailure {
  siteId: string;
  error: Error & { code: string };
}

/** What a daemon emits. */
export interface DaemonEvents {
  /** Once, after the constructor: `run` may be called. */
  loadend: () => void;
  'master::spawned': (pid: number) => void;
  /** Instead of 'master::spawned': this daemon follows one that died, and its master and workers live on. */
  'master::adopted': (pid: number) => void;
  /** A new master has answered for the first time; its sites may still be loading. */
  'master::ready': (pid: number) => void;
  'master::exit': (reason: ChildReason) => void;
  /** Each time a master has published every site of its conf, but for these. */
  loaded: (failures: LoadFailure[]) => void;
  /**
   * The master was given up (ERR_MASTER_ERRORED) or has given up itself (the conf's error): the daemon stops. Or
   * its lock was taken away (ERR_LOCK_LOST): it goes on. Unheard it is only logged.
   */
  error: (error: Error) => void;
  /** All is closed and released. The exit code is one of `EXIT_CODES`, or the master's own. */
  stopped: (exitCode: number) => void;
}
