// How a daemon comes to hold its run directory and to have a master: as the first one, in the place of one that died,
// or in the place of one that makes room.
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { ChildReason } from '@vhostd/supervisor';
import type { RunDirLease } from '../run-dir/run-dir-lease.js';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import type { MasterSlot, MasterSlotOwner } from '../master/master-slot.js';
import { findTakeover, yieldMaster, acquireAfterDeath } from './takeover.js';
import { UpgradeCandidate } from './upgrade-candidate.js';

/** What taking a place needs. */
export interface Place {
  readonly runDir: string;
  readonly listeners: BoundListeners;
  /** Makes the slot of the master, whose owner is told of it. */
  createSlot(owner: MasterSlotOwner): MasterSlot;
  /** What is told of the master once this is the daemon. */
  readonly owner: MasterSlotOwner;
  statusOf(slot: MasterSlot): Promise<DaemonStatus>;
  /** Takes the run directory. */
  open(): Promise<RunDirLease>;
}

/** What a daemon holds then; `start` lets it have a master, once it is ready to hear of it. */
export interface Taken {
  slot: MasterSlot;
  lease: RunDirLease;
  start: () => void;
}

/**
 * Rejects with what {@link Place.open} throws; ERR_TAKEOVER_VARIABLE, ERR_LINK_OPEN; or ERR_UPGRADE_FAILED where the other
 * daemon has changed its mind: this process then ends within a second, whatever its program does.
 */
export async function acquire(place: Place): Promise<Taken> {
  const takeover = findTakeover(place.runDir);
  if (takeover !== undefined) outliveOutput();
  if (takeover?.role === 'candidate') {
    const candidate: { current?: UpgradeCandidate<RunDirLease> } = {};
    const slot = place.createSlot(ownerOnCandidacy(place.owner, () => candidate.current));
    const { listeners } = place;
    const current = new UpgradeCandidate<RunDirLease>(takeover.link, {
      slot,
      listeners,
      status: () => place.statusOf(slot),
      open: () => acquireAfterDeath(() => place.open()),
      close: (taken) => taken.close(),
    });
    candidate.current = current;
    try {
      const lease = await current.taken;
      delete candidate.current;
      const start = (): void => place.owner.onLoaded(current.failures ?? []);
      return { slot, lease, start };
    } catch (error) {
      await slot.stop({ now: true });
      listeners.closeAll();
      setTimeout(() => process.exit(1), END_LIMIT_MS);
      throw error;
    }
  }
  const slot = place.createSlot(place.owner);
  if (takeover === undefined) return { slot, lease: await place.open(), start: () => slot.start() };
  try {
    const lease = await acquireAfterDeath(() => place.open());
    const start = (): void => slot.adopt({ identity: takeover.master, link: takeover.link }, takeover.master);
    return { slot, lease, start };
  } catch (error) {
    await yieldMaster(takeover.link, error);
    throw error;
  }
}

/** Whoever reads what the first daemon prints may leave; this one must not end of it. */
function outliveOutput(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}

/** While there is a candidate, what would end the daemon ends that, and nobody hears of sites. */
function ownerOnCandidacy(
  owner: MasterSlotOwner,
  candidate: () => UpgradeCandidate<RunDirLease> | undefined,
): MasterSlotOwner {
  return {
    ...owner,
    onLoaded: (failures) => {
      const current = candidate();
      if (current === undefined) owner.onLoaded(failures);
      else current.onLoaded(failures);
    },
    onExit: (reason) => {
      owner.onExit(reason);
      // Behind what the master may have said of its end.
      setImmediate(() => candidate()?.fail(masterEnded(reason)));
    },
    onGivenUp: (error, exitCode) => {
      const current = candidate();
      if (current === undefined) owner.onGivenUp(error, exitCode);
      else current.fail(error);
    },
  };
}

function masterEnded({ message }: ChildReason): VhostError {
  return new VhostError('ERR_UPGRADE_FAILED', `the master of the new daemon ${message}`);
}

/** How long the program may take to end by itself, ms. */
const END_LIMIT_MS = 1000;
