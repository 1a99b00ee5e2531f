// This process as a daemon that takes the place of another: what it was told, and the link to who started it.
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import { openParentLink, Peer } from '@vhostd/transport';
import type { DaemonToMaster, TakeoverInfo, MasterToDaemon } from '@vhostd/protocol';
import type { Link } from '@vhostd/transport';
import { readTakeoverInfo } from './takeover-info.js';

/** A place to take. */
export type Takeover = TakeoverInfo & { link: Link };

/**
 * The place that this process was started to take in this run directory; undefined for a daemon that comes first.
 * @throws {VhostError} ERR_TAKEOVER_VARIABLE, ERR_LINK_OPEN.
 */
export function findTakeover(runDir: string): Takeover | undefined {
  const takeover = readTakeoverInfo(runDir);
  if (takeover === undefined) return undefined;
  const link = openParentLink({ evenOrphaned: true });
  if (link === undefined) {
    throw new VhostError(
      'ERR_LINK_OPEN',
      'this daemon was told to follow another one, but has no link to who told it',
    );
  }
  return { ...takeover, link };
}

/**
 * Tries to take the run directory. Who held it last may be dead for so short a time that it still looks alive.
 */
export async function acquireAfterDeath<T>(open: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      return await open();
    } catch (error) {
      if (!isRunning(error) || waitedMs >= DYING_LIMIT_MS) throw error;
    }
    await delay(LOOK_MS);
  }
}

/** This process takes no master: `cause` is why. Where another daemon runs, the master is told to make room for its. */
export async function yieldMaster(link: Link, cause: unknown): Promise<void> {
  const peer: Peer<DaemonToMaster, MasterToDaemon> = new Peer(link, { name: 'the master' });
  peer.start();
  if (isRunning(cause))
    await peer.request('stop', { mode: 'yield' }, { timeoutMs: YIELD_LIMIT_MS }).catch(() => undefined);
  peer.close();
}

function isRunning(error: unknown): boolean {
  return error instanceof VhostError && error.code === 'ERR_DAEMON_RUNNING';
}

const LOOK_MS = 25;
/** How long a dead process may take to look dead, ms. */
const DYING_LIMIT_MS = 1000;
const YIELD_LIMIT_MS = 5000;
