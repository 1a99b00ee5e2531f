// The process that watches the files of sites, seen from the master.
import { fileURLToPath } from 'node:url';
import type { MasterToWatcher, WatchedSite, WatcherToMaster } from '@vhostd/protocol';
import { decoding, watcherToMaster } from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';
import type { MasterEvents } from '../events.js';
import { SideProcess } from '../side-process.js';

export class WatchProcess {
  readonly #events: MasterEvents;
  readonly #process: SideProcess<MasterToWatcher, WatcherToMaster>;
  #sites: readonly WatchedSite[] = [];

  constructor(events: MasterEvents) {
    this.#events = events;
    this.#process = new SideProcess({
      name: 'the watcher',
      program: PROGRAM,
      args: [],
      onSpawned: (peer) => {
        this.#answer(peer);
        this.#tell();
      },
      // What is written until there is another one counts as changed.
      onLost: () => {
        const sinceMs = Date.now();
        this.#sites = this.#sites.map((site) => ({ ...site, sinceMs }));
      },
      onExited: (message) => events.emit('watcher.exited', { message }),
    });
  }

  /** Has these watched from now on. */
  watch(sites: readonly WatchedSite[]): void {
    this.#sites = sites;
    if (sites.length > 0) this.#process.start();
    this.#tell();
  }

  /** Resolves when it has gone. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  #tell(): void {
    // Whoever does not answer is started again, and told then.
    this.#process.peer?.request('watch', { sites: [...this.#sites] }).catch(() => undefined);
  }

  #answer(peer: Peer<MasterToWatcher, WatcherToMaster>): void {
    const watching = decoding(watcherToMaster, 'watching', (told) => {
      this.#events.emit('site.watched', told);
      return null;
    });
    const changed = decoding(watcherToMaster, 'changed', (told) => {
      this.#events.emit('site.changed', told);
      return null;
    });
    const problem = decoding(watcherToMaster, 'problem', (told) => {
      this.#events.emit('site.watch-problem', told);
      return null;
    });
    peer.handle('watching', watching);
    peer.handle('changed', changed);
    peer.handle('problem', problem);
  }
}

/** Resolved, never imported: a master has no use for what it loads. */
const PROGRAM = fileURLToPath(import.meta.resolve('@vhostd/watch/run-watcher'));
