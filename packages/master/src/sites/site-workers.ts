// What follows for a site from what happens to its workers: for its state, its connections, a reload, a replacement.
import type { WireError } from '@vhostd/protocol';
import type { MasterEvents } from '../events.js';
import type { RoutedSite } from '../routing/router.js';
import type { Worker } from '../workers/worker.js';
import type { Boot } from './boot.js';
import { workerCount } from './reload.js';
import type { Reload } from './reload.js';
import { Replacement } from './replacement.js';
import type { SiteConfs } from './site-confs.js';
import type { SiteIngress } from './site-ingress.js';
import type { SiteStateMachine } from './site-state.js';
import type { SiteTrouble } from './site-trouble.js';
import { workersFact } from './worker-set.js';
import type { Role, WorkerSet } from './worker-set.js';

/** The parts of a site that its workers concern. */
export interface SiteParts {
  readonly siteId: string;
  readonly events: MasterEvents;
  readonly state: SiteStateMachine;
  readonly confs: SiteConfs<RoutedSite>;
  readonly set: WorkerSet;
  readonly ingress: SiteIngress;
  readonly boot: Boot;
  readonly trouble: SiteTrouble;
}

export class SiteWorkers {
  /** The reload that is at work. */
  reload: Reload | undefined;
  readonly #parts: SiteParts;
  readonly #replacement: Replacement<Worker>;

  constructor(parts: SiteParts) {
    this.#parts = parts;
    const { set, ingress } = parts;
    this.#replacement = new Replacement(set, () => this.published());
    set.on('ready', (worker, role) => this.#onReady(worker, role));
    set.on('exit', (worker, role, failure, slow) => this.#onExit(worker, role, failure, slow));
    set.on('errored', (_worker, role, failure) => {
      if (role === 'serving') this.#onErrored(failure);
    });
    set.on('stats', (worker) => this.#onStats(worker));
    set.on('connections', () => ingress.onConfirmed());
    set.on('late', (worker) => ingress.relieve(worker));
    set.on('withdrawn', () => ingress.look());
    set.on('gone', () => ingress.look());
  }

  /** Whether a worker of the generation in force is ready. */
  get anyReady(): boolean {
    return this.#parts.set.current.workers.some(({ ready }) => ready);
  }

  /** Gives the generation in force as many workers as the conf wants. */
  scale(): void {
    const { set, confs } = this.#parts;
    set.scale(Math.max(1, workerCount(confs.inForce)));
    this.#replacement.keepTo(set.current.workers);
  }

  /** Drains every worker; `now` kills them. */
  async stop(now: boolean): Promise<void> {
    const { state, set } = this.#parts;
    state.apply('stop');
    await set.stop(now);
    state.apply('workers-gone');
  }

  /** {@link stop} for those whose idle connections others get. */
  async leave(): Promise<void> {
    const { state, set } = this.#parts;
    state.apply('stop');
    await set.leave();
    state.apply('workers-gone');
  }

  /** No worker is to take the place of another one: others follow. */
  resetReplacement(): void {
    this.#replacement.reset();
  }

  /** Workers may be given connections that could not be before. */
  published(): void {
    this.#parts.ingress.flush();
    this.tell();
  }

  /** Tells the state what the workers have come to. */
  tell(): void {
    const { set, state, boot } = this.#parts;
    const fact = workersFact(set.current.workers);
    if (fact === undefined) return;
    if (UP.has(fact) && !state.stopping) boot.succeed();
    state.apply(fact);
  }

  /** Tells what the site serves with, for the master after this one. */
  tellServed(): void {
    const { conf, number: generation, release } = this.#parts.set.current;
    const finished = this.#parts.state.state === 'finished';
    const served = {
      conf,
      generation,
      ...(release === undefined ? {} : { release }),
      ...(finished ? { finished: true as const } : {}),
    };
    this.#parts.events.emit('site.served', served);
  }

  #onReady(worker: Worker, role: Role): void {
    const { ingress, trouble, boot } = this.#parts;
    ingress.onReady(worker);
    if (role === 'next') this.reload?.onReady();
    else if (role === 'replacement') this.#replacement.onReady(worker);
    else if (role === 'serving') {
      // Of a job it is what one of its workers came to.
      if (worker.conf.autorestart) trouble.failure = undefined;
      boot.workerReady();
      if (this.reload === undefined) this.scale();
      this.tellServed();
    }
    this.published();
  }

  #onExit(worker: Worker, role: Role, failure: WireError, slow: boolean): void {
    const { state, trouble, boot, ingress } = this.#parts;
    ingress.onExit(worker);
    if (worker.finished && role === 'serving') return this.#onFinished();
    if (role === 'next') this.reload?.fail(failure);
    else if (role === 'replacement') this.#replacement.onExit(worker, failure);
    else if (role === 'serving' && !state.stopping && !this.anyReady) {
      trouble.failure = failure;
      if (boot.onDemand) ingress.rejectWaiting();
      if (boot.startFailed(failure, slow)) state.apply('boot-failed');
    }
    // That it is given up is told next, with all that led to it.
    if (!worker.errored) this.tell();
  }

  /** A job is done; where it has another worker that has not been started yet, that follows. */
  #onFinished(): void {
    if (this.reload === undefined) this.scale();
    this.tell();
    this.#tellGivenUp();
    this.tellServed();
  }

  #onErrored(failure: WireError): void {
    this.#parts.trouble.failure = failure;
    this.tell();
    this.#tellGivenUp();
  }

  #tellGivenUp(): void {
    const { siteId, set, trouble, boot, events } = this.#parts;
    const { failure } = trouble;
    if (failure === undefined || workersFact(set.current.workers) !== 'workers-failed') return;
    boot.fail(failure);
    events.emit('site.given-up', { siteId, error: failure });
  }

  #onStats(worker: Worker): void {
    const { state, set } = this.#parts;
    if (state.serving && worker.ready && set.roleOf(worker) === 'serving') this.#replacement.onStats(worker);
  }
}

/** What those who wait for the first boot call up. */
const UP: ReadonlySet<string> = new Set(['workers-settled', 'workers-finished']);
