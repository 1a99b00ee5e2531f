// Asks a running daemon by way of its control socket: what the command line and tools use.
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import type {
  DaemonStatus,
  MaintenanceOptions,
  MaintenanceResult,
  PauseOptions,
  PauseResult,
  ReloadResult,
  ResumeResult,
} from '@vhostd/protocol';
import { isAlive, readIdentity, readPidFile } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { callControl } from './control-client.js';
import { resolveRunDir } from '../run-dir/run-dir.js';
import type { RunDir } from '../run-dir/run-dir.js';
import { parseMaintenance, parsePause, parseResume } from './parse-orders.js';
import { parseReloadResult } from './parse-reload.js';
import { parseDaemonStatus } from './parse-status.js';
import { parseUpgradeResult } from '../takeover/upgrade.js';
import type { UpgradeResult } from '../takeover/upgrade.js';

/**
 * The daemon of one run directory, as another process of its owner sees it. Each method rejects with
 * ERR_DAEMON_NOT_RUNNING where there is none, ERR_CONTROL_DENIED where it is another user's, the other ERR_CONTROL_…
 * of the connection, ERR_MESSAGE_INVALID for an answer of another version, or the daemon's own error. While one daemon
 * makes room for another, in an upgrade, each waits for that.
 */
export class DaemonClient {
  readonly #runDir: RunDir;

  /** @param runDir default as for a daemon. */
  constructor(runDir?: string) {
    this.#runDir = resolveRunDir(runDir);
  }

  /** The directory with the PID file and the control socket; absolute. */
  get runDir(): string {
    return this.#runDir.path;
  }

  async status(): Promise<DaemonStatus> {
    return parseDaemonStatus(await this.#call('status', {}));
  }

  /** Resolves when each site's new generation is published or has failed. */
  async reload(siteId?: string): Promise<ReloadResult> {
    return parseReloadResult(await this.#call('reload', siteId === undefined ? {} : { siteId }));
  }

  /** Holds the site's new connections, each for up to `timeout`. Rejects also with ERR_SITE_UNKNOWN, ERR_SITE_OPTION. */
  async pause(siteId: string, options: PauseOptions = {}): Promise<PauseResult> {
    return parsePause(await this.#call('pause', { ...options, siteId }));
  }

  /** Hands over what a pause holds. Rejects also with ERR_SITE_UNKNOWN. */
  async resume(siteId: string): Promise<ResumeResult> {
    return parseResume(await this.#call('resume', { siteId }));
  }

  /**
   * Answers the site's requests with a page, or no longer with null; resolves once its workers do so. Rejects also with
   * ERR_SITE_UNKNOWN, ERR_SITE_OPTION, ERR_MAINTENANCE_PAGE, ERR_MAINTENANCE_SERVER.
   */
  async maintenance(siteId: string, options: MaintenanceOptions | null = {}): Promise<MaintenanceResult> {
    return parseMaintenance(await this.#call('maintenance', { siteId, options }));
  }

  /**
   * Replaces the daemon, its master and its workers by new ones of the code that is on disk now; `node`: the Node
   * binary, default the daemon's own as its path leads to one now. `onProgress` is told how far it is. Resolves when
   * the new daemon is in charge; the old one ends when its connections have.
   * Rejects also with ERR_UPGRADE_FAILED (all is as before), ERR_UPGRADE_RUNNING, ERR_UPGRADE_PROGRAM.
   */
  async upgrade({
    node,
    onProgress,
  }: { node?: string; onProgress?: (what: string) => void } = {}): Promise<UpgradeResult> {
    const params = node === undefined ? {} : { node: path.resolve(node) };
    const told = await this.#call('upgrade', params, (value) => {
      const what: unknown = typeof value === 'object' && value !== null && Reflect.get(value, 'what');
      if (typeof what === 'string') onProgress?.(what);
    });
    return parseUpgradeResult(told);
  }

  /**
   * Makes the daemon stop and resolves when its process is no more; `now`: without draining.
   * Rejects also with ERR_DAEMON_LOST: it died in the course of it, and master and workers may still be at their work;
   * ERR_DAEMON_STUCK: it said that it stops, and did not end within 10 s after its master.
   */
  async stop({ now = false }: { now?: boolean } = {}): Promise<void> {
    let identity = readPidFile(this.#runDir.pidFile);
    let master: number | undefined;
    try {
      await this.#call('stop', { now }, (value) => {
        // Who answers knows best who it is.
        const told = parseStopping(value);
        if (told === undefined) return;
        identity = readIdentity(told.daemon) ?? identity;
        master = told.master;
      });
    } catch (error) {
      if (!(error instanceof VhostError && error.code === 'ERR_CONTROL_LOST')) throw error;
      if (identity !== undefined) await untilGone(identity);
      throw lostError(master, error);
    }
    if (identity !== undefined) await untilGone(identity);
  }

  async #call(method: string, params: unknown, onProgress?: (value: unknown) => void): Promise<unknown> {
    const deadlineMs = performance.now() + HAND_OVER_LIMIT_MS;
    for (;;) {
      try {
        return await callControl(this.#runDir.controlSocket, method, params, onProgress && { onProgress });
      } catch (error) {
        if (performance.now() > deadlineMs || !this.#mayBeHandOver(error)) throw error;
      }
      await delay(LOOK_MS);
    }
  }

  /** Whether nothing was taken of the request, and another daemon may be about to answer. */
  #mayBeHandOver(error: unknown): boolean {
    if (!(error instanceof VhostError)) return false;
    if (error.code !== 'ERR_DAEMON_NOT_RUNNING') return error.code === 'ERR_CONTROL_CLOSED';
    // One that makes room takes its socket away, but not its PID file.
    const leaving = readPidFile(this.#runDir.pidFile);
    return leaving !== undefined && isAlive(leaving);
  }
}

/** Which processes end, as a daemon tells at once that has told its master; undefined for any other progress. */
function parseStopping(value: unknown): { daemon: number; master: number | undefined } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const daemon: unknown = Reflect.get(value, 'daemon');
  const master: unknown = Reflect.get(value, 'master');
  if (typeof daemon !== 'number') return undefined;
  return { daemon, master: typeof master === 'number' ? master : undefined };
}

function lostError(master: number | undefined, cause: VhostError): VhostError {
  const rest =
    master === undefined
      ? 'whether its master was told is not known'
      : `its master, process ${master}, was told: it finishes with its workers, and leaves by itself`;
  return new VhostError('ERR_DAEMON_LOST', `the daemon died before it had stopped; ${rest}`, {
    ...(master === undefined ? {} : { info: { master } }),
    cause,
  });
}

async function untilGone(identity: ProcessIdentity): Promise<void> {
  for (let waitedMs = 0; isAlive(identity); waitedMs += LOOK_MS) {
    if (waitedMs >= END_LIMIT_MS) {
      throw new VhostError(
        'ERR_DAEMON_STUCK',
        `process ${identity.pid} was told to stop and is still there`,
        {
          info: { pid: identity.pid },
        },
      );
    }
    await delay(LOOK_MS);
  }
}

const LOOK_MS = 20;
const END_LIMIT_MS = 10_000;
/** How long a daemon may take to make room for another one, and to come back where that fails, ms. */
const HAND_OVER_LIMIT_MS = 45_000;
