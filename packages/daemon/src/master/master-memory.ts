// What masters keep with their daemon for the master that follows when they die.
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import type { Peer } from '@vhostd/transport';
import { record, text } from '../narrow.js';

export class MasterMemory {
  readonly #byKey = new Map<string, unknown>();

  /** Keeps what this master says, and gives it what was kept. */
  serve(peer: Peer<DaemonToMaster, MasterToDaemon>): void {
    peer.handle('remember', (params) => {
      const fields = record(params, 'remember');
      const key = text(fields['key'], 'remember.key');
      const value = fields['value'] ?? null;
      if (value === null) this.#byKey.delete(key);
      else this.#byKey.set(key, value);
      return null;
    });
    peer.handle('recall', (params) => {
      const key = text(record(params, 'recall')['key'], 'recall.key');
      return this.#byKey.get(key) ?? null;
    });
  }
}
