// What masters keep with their daemon for the master that follows when they die.
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import type { Peer } from '@vhostd/transport';
import { record, text } from '../narrow.js';

export class ServedState {
  readonly #byKey = new Map<string, unknown>();

  /** Keeps what this master says, and gives it what was kept. */
  serve(peer: Peer<DaemonToMaster, MasterToDaemon>): void {
    peer.handle('saveState', (params) => {
      const fields = record(params, 'saveState');
      const key = text(fields['key'], 'saveState.key');
      const value = fields['value'] ?? null;
      if (value === null) this.#byKey.delete(key);
      else this.#byKey.set(key, value);
      return null;
    });
    peer.handle('loadState', (params) => {
      const key = text(record(params, 'loadState')['key'], 'loadState.key');
      return this.#byKey.get(key) ?? null;
    });
  }
}
