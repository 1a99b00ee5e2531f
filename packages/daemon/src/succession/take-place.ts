// How a daemon comes to hold its run directory and to have a master: as the first one, in the place of one that died,
// or in the place of one that makes room.
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { ChildReason } from '@vhostd/supervisor';
import type { Instance } from '../instance.js';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import type { MasterSlot, MasterSlotOwner } from '../master/master-slot.js';
import { findHeir, resign, takeAfterDeath } from './heir.js';
import { Trial } from './trial.js';

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
  open(): Promise<Instance>;
}

/** What a daemon holds then; `start` lets it have a master, once it is ready to hear of it. */
export interface Taken {
  slot: MasterSlot;
  instance: Instance;
  start: () => void;
}

/**
 * Rejects with what {@link Place.open} throws; ERR_HEIR_VARIABLE, ERR_LINK_OPEN; or ERR_UPGRADE_FAILED where the other
 * daemon has changed its mind: this process then ends within a second, whatever its program does.
 */
export async function takePlace(place: Place): Promise<Taken> {
  const heir = findHeir(place.runDir);
  if (heir !== undefined) outliveOutput();
  if (heir?.role === 'trial') {
    const trial: { current?: Trial<Instance> } = {};
    const slot = place.createSlot(ownerOnTrial(place.owner, () => trial.current));
    const { listeners } = place;
    const current = new Trial<Instance>(heir.link, {
      slot,
      listeners,
      status: () => place.statusOf(slot),
      open: () => takeAfterDeath(() => place.open()),
      close: (taken) => taken.close(),
    });
    trial.current = current;
    try {
      const instance = await current.taken;
      delete trial.current;
      const start = (): void => place.owner.onLoaded(current.failures ?? []);
      return { slot, instance, start };
    } catch (error) {
      await slot.stop({ now: true });
      listeners.closeAll();
      setTimeout(() => process.exit(1), END_LIMIT_MS);
      throw error;
    }
  }
  const slot = place.createSlot(place.owner);
  if (heir === undefined) return { slot, instance: await place.open(), start: () => slot.start() };
  try {
    const instance = await takeAfterDeath(() => place.open());
    const start = (): void => slot.adopt({ identity: heir.master, link: heir.link }, heir.master);
    return { slot, instance, start };
  } catch (error) {
    await resign(heir.link, error);
    throw error;
  }
}

/** Whoever reads what the first daemon prints may leave; this one must not end of it. */
function outliveOutput(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}

/** While there is a trial, what would end the daemon ends that, and nobody hears of sites. */
function ownerOnTrial(owner: MasterSlotOwner, trial: () => Trial<Instance> | undefined): MasterSlotOwner {
  return {
    ...owner,
    onLoaded: (failures) => {
      const current = trial();
      if (current === undefined) owner.onLoaded(failures);
      else current.onLoaded(failures);
    },
    onExit: (reason) => {
      owner.onExit(reason);
      // Behind what the master may have said of its end.
      setImmediate(() => trial()?.fail(masterEnded(reason)));
    },
    onGivenUp: (error, exitCode) => {
      const current = trial();
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
