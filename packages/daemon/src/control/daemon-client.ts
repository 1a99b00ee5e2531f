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
  UpgradeResult,
} from '@vhostd/protocol';
import {
  daemonStatus,
  decode,
  maintenanceResult,
  pauseResult,
  reloadResult,
  resumeResult,
  upgradeResult,
} from '@vhostd/protocol/schemas';
import { isAlive, readIdentity, readPidFile } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { z } from '@vhostd/protocol/schemas';
import { resolveRunDir } from '../run-dir/run-dir.js';
import type { RunDir } from '../run-dir/run-dir.js';
import { requestControl } from './control-client.js';
import type { ControlRequestOptions } from './control-client.js';
import { followEvents } from './follow-events.js';
import type { FollowOptions } from './follow-events.js';

/** A request of the control API; see docs/control-api.md for what there is. */
export type DaemonRequest = Omit<ControlRequestOptions, 'timeoutMs'>;

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
    return decode(daemonStatus, await this.request({ method: 'GET', path: '/status' }), 'status');
  }

  /** Resolves when each site's new generation is published or has failed. `onProgress` is told what it waits for. */
  async reload(siteId?: string, onProgress?: (value: unknown) => void): Promise<ReloadResult> {
    const target = siteId === undefined ? '/reload' : sitePath(siteId, 'reload');
    const answer = await this.request({
      method: 'POST',
      path: target,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    return decode(reloadResult, answer, 'reload');
  }

  /** Holds the site's new connections, each for up to `timeout`. Rejects also with ERR_SITE_UNKNOWN, ERR_SITE_OPTION. */
  async pause(siteId: string, options: PauseOptions = {}): Promise<PauseResult> {
    return decode(pauseResult, await this.#order(siteId, 'pause', options), 'pause');
  }

  /** Gives workers what a pause holds. Rejects also with ERR_SITE_UNKNOWN. */
  async resume(siteId: string): Promise<ResumeResult> {
    return decode(resumeResult, await this.#order(siteId, 'resume'), 'resume');
  }

  /**
   * Answers the site's requests with a page, or no longer with null; resolves once its workers do so. Rejects also with
   * ERR_SITE_UNKNOWN, ERR_SITE_OPTION, ERR_MAINTENANCE_PAGE, ERR_MAINTENANCE_SERVER.
   */
  async maintenance(siteId: string, options: MaintenanceOptions | null = {}): Promise<MaintenanceResult> {
    const answer =
      options === null
        ? this.request({ method: 'DELETE', path: sitePath(siteId, 'maintenance') })
        : this.#order(siteId, 'maintenance', options);
    return decode(maintenanceResult, await answer, 'maintenance');
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
    const answer = await this.request({
      method: 'POST',
      path: '/upgrade',
      body: node === undefined ? {} : { node: path.resolve(node) },
      onProgress: (value) => {
        const told = step.safeParse(value);
        if (told.success) onProgress?.(told.data.what);
      },
    });
    return decode(upgradeResult, answer, 'upgrade');
  }

  /**
   * Makes the daemon stop and resolves when its process is no more; `now`: without draining. `onProgress` is told what
   * it waits for.
   * Rejects also with ERR_DAEMON_LOST: it died in the course of it, and master and workers may still be at their work;
   * ERR_DAEMON_STUCK: it said that it stops, and did not end within 10 s after its master.
   */
  async stop({
    now = false,
    onProgress,
  }: { now?: boolean; onProgress?: (value: unknown) => void } = {}): Promise<void> {
    let identity = readPidFile(this.#runDir.pidFile);
    let master: number | undefined;
    try {
      await this.request({
        method: 'POST',
        path: '/stop',
        body: { now },
        onProgress: (value) => {
          // Who answers knows best who it is.
          const told = stopping.safeParse(value);
          if (!told.success) return onProgress?.(value);
          identity = readIdentity(told.data.daemon) ?? identity;
          ({ master } = told.data);
        },
      });
    } catch (error) {
      if (!(error instanceof VhostError && error.code === 'ERR_CONTROL_LOST')) throw error;
      if (identity !== undefined) await untilGone(identity);
      throw lostError(master, error);
    }
    if (identity !== undefined) await untilGone(identity);
  }

  /**
   * Tells what happens in the master, from now on, over the death of masters and daemons and over upgrades. Resolves when
   * the daemon has stopped. Rejects also with ERR_SITE_UNKNOWN, ERR_MASTER_NOT_RUNNING; ERR_CONTROL_SLOW: this process
   * does not read fast enough.
   */
  async follow(options: FollowOptions): Promise<void> {
    await followEvents((request) => this.request(request), options);
  }

  /** What the daemon answers to a request of the control API, as it came. */
  async request(request: DaemonRequest): Promise<unknown> {
    const deadlineMs = performance.now() + TAKEOVER_LIMIT_MS;
    for (;;) {
      try {
        return await requestControl(this.#runDir.controlSocket, request);
      } catch (error) {
        if (performance.now() > deadlineMs || !this.#mayBeTakenOver(error)) throw error;
      }
      await delay(LOOK_MS);
    }
  }

  #order(siteId: string, verb: string, body: object = {}): Promise<unknown> {
    return this.request({ method: 'POST', path: sitePath(siteId, verb), body });
  }

  /** Whether nothing was taken of the request, and another daemon may be about to answer. */
  #mayBeTakenOver(error: unknown): boolean {
    if (!(error instanceof VhostError)) return false;
    if (error.code !== 'ERR_DAEMON_NOT_RUNNING') return error.code === 'ERR_CONTROL_CLOSED';
    // One that makes room takes its socket away, but not its PID file.
    const leaving = readPidFile(this.#runDir.pidFile);
    return leaving !== undefined && isAlive(leaving);
  }
}

function sitePath(siteId: string, verb: string): string {
  return `/sites/${encodeURIComponent(siteId)}/${verb}`;
}

/** How far an upgrade is, in words. */
const step = z.object({ what: z.string() });
/** Which processes end, as a daemon tells at once that has told its master. */
const stopping = z.object({ daemon: z.number(), master: z.number().optional() });

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
      const message = `process ${identity.pid} was told to stop and is still there`;
      throw new VhostError('ERR_DAEMON_STUCK', message, { info: { pid: identity.pid } });
    }
    await delay(LOOK_MS);
  }
}

const LOOK_MS = 20;
const END_LIMIT_MS = 10_000;
/** How long a daemon may take to make room for another one, and to come back where that fails, ms. */
const TAKEOVER_LIMIT_MS = 45_000;
