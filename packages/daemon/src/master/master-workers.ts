// The workers of a master, as it tells of them, so that none outlives it for longer than it may: one that is
// stopped or busy in a loop does not notice that its master is gone.
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import { decoding, masterToDaemon } from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';
import { readIdentity, readProcess, readSession } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';

/** A worker that a master has reported. */
export interface KnownWorker {
  identity: ProcessIdentity;
  /** How long it may live without its master, ms. */
  limitMs: number;
  /** What tells its process group that it is to end, since it does not notice. */
  stopSignal?: 'SIGINT' | 'SIGTERM';
}

export class MasterWorkers {
  readonly #workers = new Map<number, KnownWorker>();

  /** Hears what one master says of its workers. `masterPid`: of a master that leads a session of its own. */
  constructor(peer: Peer<DaemonToMaster, MasterToDaemon>, masterPid: () => number | undefined) {
    const forked = decoding(masterToDaemon, 'workerForked', ({ pid, ...rest }) => {
      const identity = readIdentity(pid);
      // Only what the master has started, or what runs in its session, is its own to give away.
      const ofMaster = [readProcess(pid)?.parentPid, readSession(pid)].includes(masterPid() ?? Number.NaN);
      if (identity !== undefined && ofMaster) this.#workers.set(pid, { identity, ...rest });
      return null;
    });
    const ended = decoding(masterToDaemon, 'workerEnded', ({ pid }) => {
      this.#workers.delete(pid);
      return null;
    });
    peer.handle('workerForked', forked);
    peer.handle('workerEnded', ended);
  }

  /** Those of which the master has not said that they have ended. */
  list(): KnownWorker[] {
    return [...this.#workers.values()];
  }
}
