// A daemon without a conf in the background, for apps that are started one by one.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DaemonClient, findRunDir, resolveStateDir } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';

/** Where a daemon that was started runs. */
export interface StartedDaemon {
  readonly pid: number;
  /** The file with its log. */
  readonly log: string;
}

/**
 * Starts one unless one runs, and resolves when it answers.
 * @throws {VhostError} ERR_DAEMONIZE_…, with what it printed last; ERR_DAEMON_SEVERAL; as {@link DaemonClient}.
 */
export async function startDaemon(options: {
  runDir?: string;
  stateDir?: string;
}): Promise<StartedDaemon | undefined> {
  const client = new DaemonClient(options.runDir ?? findRunDir());
  if (await answers(client)) return undefined;
  const stateDir = path.resolve(options.stateDir ?? resolveStateDir(options));
  // Only this needs it.
  const { Daemon } = await import('@vhostd/daemonize');
  const given = options.runDir === undefined ? [] : ['--run-dir', path.resolve(options.runDir)];
  const directory = path.join(stateDir, 'background');
  const background = new Daemon(
    'vhostd',
    COMMAND,
    {
      detached: true,
      argv: ['run', '--no-config', ...given, '--state-dir', stateDir],
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
    if (pid === undefined) {
      const message = `the daemon in the background has ended at once: ${lastWords(log)}`;
      throw new VhostError('ERR_DAEMONIZE_ENDED', message, { info: { log } });
    }
    if (await answers(client)) return { pid, log };
    await delay(LOOK_MS);
  }
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
