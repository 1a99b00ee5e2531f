// What the workers of a site ask for that is about their own site: this one, whoever has its id by then.
import type { ReadingShare } from '@vhostd/transport';
import type { RoutedSite } from '../routing/router.js';
import type { Worker } from '../workers/worker.js';
import { AppPorts } from './app-ports.js';
import type { AppPortSource } from './app-ports.js';
import type { Generation } from './generation.js';
import type { SiteConfs } from './site-confs.js';
import type { SiteIngress } from './site-ingress.js';
import type { SiteStateMachine } from './site-state.js';
import { UpdateTurns } from './update-turns.js';
import type { WorkerSet } from './worker-set.js';

/** The parts of a site that its workers may ask something of. */
export interface AskedParts {
  readonly state: SiteStateMachine;
  readonly confs: SiteConfs<RoutedSite>;
  readonly set: WorkerSet;
  readonly ingress: SiteIngress;
}

export class WorkerRequests {
  readonly #parts: AskedParts;
  readonly #ports: AppPorts;
  readonly #updates: UpdateTurns;

  /** Answers each worker of the set from its spawn on. */
  constructor(parts: AskedParts, listeners: AppPortSource, share: ReadingShare) {
    this.#parts = parts;
    this.#ports = new AppPorts(listeners, () => this.#isBooting);
    this.#updates = new UpdateTurns(share);
    const { confs, set, ingress } = parts;
    set.on('gone', () => this.look());
    set.on('spawned', (worker, process) => {
      const { peer, gone } = process;
      peer.handle('openPort', (params) => this.#ports.open(params, { conf: worker.conf, gone }));
      peer.handle('acceptRests', (params) => {
        ingress.onRests(process, Reflect.get(Object(params), 'why') === 'full');
        return null;
      });
      peer.handle('updateServerConf', (params) =>
        this.#updates.run(params, gone, () =>
          confs.update(worker, (asking) => this.#generationOf(asking), params),
        ),
      );
    });
  }

  /** To be called when the site's state or workers have changed: a port that nobody asks for any more is closed. */
  look(): void {
    this.#ports.look();
  }

  #generationOf(worker: Worker): Generation | undefined {
    const { set } = this.#parts;
    return set.roleOf(worker) === 'next' ? set.next : undefined;
  }

  /** Whether a worker boots, or is to. */
  get #isBooting(): boolean {
    const { state, set } = this.#parts;
    if (state.meaning.boots === 'no') return false;
    // Of one that has just died, the link may end before its end is known.
    const isDying = set.current.workers.some(({ ready, process }) => ready && process?.gone.aborted);
    return isDying || !set.settled;
  }
}
