// What masters save with their daemon for the master that follows when they die.
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import { decoding, masterToDaemon } from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';

export class ServedState {
  readonly #byKey = new Map<string, unknown>();

  /** Keeps what this master saves, and gives it what was saved. */
  serve(peer: Peer<DaemonToMaster, MasterToDaemon>): void {
    const save = decoding(masterToDaemon, 'saveState', ({ key, value }) => {
      if ((value ?? null) === null) this.#byKey.delete(key);
      else this.#byKey.set(key, value);
      return null;
    });
    const load = decoding(masterToDaemon, 'loadState', ({ key }) => this.#byKey.get(key) ?? null);
    peer.handle('saveState', save);
    peer.handle('loadState', load);
  }
}
