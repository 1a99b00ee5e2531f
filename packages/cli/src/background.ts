// A daemon in the background: of a conf, or without one for apps that are started one by one.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DaemonClient, findRunDir, resolveStateDir } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES, VhostError } from '@vhostd/protocol';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { backgroundDirectory } from './background-log.js';

/** Where a daemon that was started runs. */
export interface StartedDaemon {
  readonly pid: number;
  /** The file with its log. */
  readonly log: string;
}

/**
 * Starts one unless one runs, and resolves when it answers. `source`: where it has its sites from, as `vhostd run` takes it.
 * @throws {VhostError} ERR_DAEMONIZE_…, with what it printed last; ERR_DAEMON_SEVERAL; as {@link DaemonClient}.
 */
export async function startDaemon(
  source: readonly string[],
  options: { runDir?: string; stateDir?: string },
): Promise<StartedDaemon | undefined> {
  const client = new DaemonClient(options.runDir ?? findRunDir());
  if (await answers(client)) return undefined;
  const stateDir = path.resolve(options.stateDir ?? resolveStateDir(options));
  // Only this needs it.
  const { Daemon } = await import('@vhostd/daemonize');
  const given = options.runDir === undefined ? [] : ['--run-dir', path.resolve(options.runDir)];
  const directory = backgroundDirectory(stateDir);
  const background = new Daemon(
    'vhostd',
    COMMAND,
    {
      detached: true,
      argv: ['run', ...source, ...given, '--state-dir', stateDir],
      runDir: directory,
      logDir: directory,
      minUptimeMs: 0,
    },
    true,
  );
  await background.start();
  const log = background.logFiles.stderr;
  for (;;) {
    const { pid } = background;
    if (pid === undefined) throw endedAtOnce(log);
    if (await answers(client)) return { pid, log };
    await delay(LOOK_MS);
  }
}

/**
 * Resolves with the first status in which all of so many sites are there and none is on its way any more: each serves, or it is known why it does not.
 * @throws {VhostError} ERR_DAEMONIZE_ENDED, with what the daemon printed last; as {@link DaemonClient}.
 */
export async function loadedStatus(
  client: DaemonClient,
  { log }: StartedDaemon,
  siteCount: number,
): Promise<DaemonStatus> {
  for (;;) {
    try {
      const status = await client.status();
      if (status.sites.length >= siteCount && status.sites.every(isSettled)) return status;
    } catch (error) {
      if (!(error instanceof VhostError) || !NOT_YET.has(error.code)) throw error;
      if (error.code === 'ERR_DAEMON_NOT_RUNNING') throw endedAtOnce(log);
    }
    await delay(LOOK_MS);
  }
}

/** One that waits does so for one that is on its way, or that does not serve. */
function isSettled({ state, reason, waitsFor }: SiteStatus): boolean {
  if (reason !== undefined) return true;
  const { phase } = SHOWN_SITE_STATES[state];
  return phase === 'wait' ? waitsFor !== undefined : phase === 'rest';
}

function endedAtOnce(log: string): VhostError {
  const message = `the daemon in the background has ended at once: ${lastWords(log)}`;
  return new VhostError('ERR_DAEMONIZE_ENDED', message, { info: { log } });
}

/** What it last said to people; the rest of its log is JSON. */
function lastWords(log: string): string {
  const lines = readFileSync(log, 'utf8').split('\n');
  const words = lines.filter((line) => line !== '' && !line.startsWith('{')).slice(-WORD_LINES);
  return words.length === 0 ? `${log} may say why` : words.join('\n');
}

async function answers(client: DaemonClient): Promise<boolean> {
  try {
    await client.status();
    return true;
  } catch (error) {
    if (error instanceof VhostError && NOT_YET.has(error.code)) return false;
    throw error;
  }
}

const COMMAND = fileURLToPath(new URL('../bin/vhostd.js', import.meta.url));
const NOT_YET: ReadonlySet<string> = new Set([
  'ERR_DAEMON_NOT_RUNNING',
  'ERR_MASTER_NOT_RUNNING',
  'ERR_CALL_TIMEOUT',
]);
const LOOK_MS = 50;
const WORD_LINES = 3;
