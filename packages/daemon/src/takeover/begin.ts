// How a daemon comes to hold its run directory and to have a master: as the first one, in the place of one that died,
// or in the place of one that makes room for it.
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import type { DaemonToMaster, MasterToDaemon, TakeoverInfo } from '@vhostd/protocol';
import { openParentLink, Peer } from '@vhostd/transport';
import type { Link } from '@vhostd/transport';
import type { DaemonRuntime } from '../daemon-runtime.js';
import { EXIT_CODES } from '../exit-codes.js';
import { hasSocketStore } from '../systemd/socket-store.js';
import { readTakeoverInfo } from './takeover-info.js';
import { UpgradeCandidate } from './upgrade-candidate.js';

/** What this process was told to take over, with the link to who told it. */
type Takeover = TakeoverInfo & { link: Link };

/**
 * Takes the run directory. What is returned lets the daemon have its master, once it listens to what that tells.
 *
 * Rejects with what {@link DaemonRuntime.acquire} throws; ERR_TAKEOVER_VARIABLE, ERR_LINK_OPEN; or ERR_UPGRADE_FAILED
 * where the other daemon has changed its mind: this process then ends within a second, whatever its program does.
 */
export async function begin(runtime: DaemonRuntime): Promise<() => void> {
  const takeover = findTakeover(runtime.runDir);
  if (takeover === undefined) return await beginFirst(runtime);
  outliveOutput();
  return takeover.role === 'respawned'
    ? await beginAfterDeath(runtime, takeover)
    : await beginAsCandidate(runtime, takeover);
}

async function beginFirst(runtime: DaemonRuntime): Promise<() => void> {
  await runtime.acquire();
  return () => runtime.slot.start();
}

/** The parent is a master whose daemon died: take the run directory, then the master. */
async function beginAfterDeath(
  runtime: DaemonRuntime,
  { master, link }: Takeover & { role: 'respawned' },
): Promise<() => void> {
  try {
    await untilDead(() => runtime.acquire());
  } catch (error) {
    await yieldMaster(link, error);
    throw error;
  }
  return () => {
    endWithoutPassed(runtime);
    runtime.slot.adopt({ identity: master, link }, master);
  };
}

/**
 * A master that dies before it has sent all sockets leaves to the guard what was passed, and to systemd what is in its
 * store: no other process could bind those addresses again. Its first answer comes behind the last of them.
 */
function endWithoutPassed({ slot, listeners }: DaemonRuntime): void {
  const check = (): void => {
    const isWhole = listeners.passed().length === listeners.passedKeys.length;
    if (isWhole && !hasSocketStore(process.env)) return;
    slot.emit(
      'trouble',
      'listeners.missing',
      'the master died before it had sent all sockets, which no other process can bind again',
    );
    process.exit(EXIT_CODES.failed);
  };
  slot.once('exit', check);
  slot.once('ready', () => slot.off('exit', check));
}

/** The parent is a daemon that is to be replaced: start a master that accepts nothing yet, take over when told. */
async function beginAsCandidate(
  runtime: DaemonRuntime,
  { daemon, link }: Takeover & { role: 'candidate' },
): Promise<() => void> {
  const candidate = new UpgradeCandidate(runtime, daemon, link);
  try {
    const failures = await candidate.inCharge;
    return () => runtime.slot.emit('loaded', failures);
  } catch (error) {
    await runtime.slot.stop({ now: true });
    runtime.listeners.closeAll();
    setTimeout(() => process.exit(1), END_LIMIT_MS);
    throw error;
  }
}

function findTakeover(runDir: string): Takeover | undefined {
  const takeover = readTakeoverInfo(runDir);
  if (takeover === undefined) return undefined;
  const link = openParentLink({ evenOrphaned: true });
  if (link !== undefined) return { ...takeover, link };
  const message = 'this daemon was told to follow another one, but has no link to who told it';
  throw new VhostError('ERR_LINK_OPEN', message);
}

/** Tries again while who held the run directory last looks alive, which it may for a moment after its death. */
async function untilDead(acquire: () => Promise<void>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      return await acquire();
    } catch (error) {
      if (!isRunning(error) || waitedMs >= DYING_LIMIT_MS) throw error;
    }
    await delay(LOOK_MS);
  }
}

/** This process takes no master: `cause` is why. Where another daemon runs, the master is told to make room for its. */
async function yieldMaster(link: Link, cause: unknown): Promise<void> {
  const peer: Peer<DaemonToMaster, MasterToDaemon> = new Peer(link, { name: 'the master' });
  peer.start();
  if (isRunning(cause)) {
    await peer.request('stop', { mode: 'yield' }, { timeoutMs: YIELD_LIMIT_MS }).catch(() => undefined);
  }
  peer.close();
}

function isRunning(error: unknown): boolean {
  return error instanceof VhostError && error.code === 'ERR_DAEMON_RUNNING';
}

/** Whoever reads what the first daemon prints may leave; this one must not end of it. */
function outliveOutput(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}

const LOOK_MS = 25;
/** How long a dead process may take to look dead, ms. */
const DYING_LIMIT_MS = 1000;
const YIELD_LIMIT_MS = 5000;
/** How long the program may take to end by itself, ms. */
const END_LIMIT_MS = 1000;
