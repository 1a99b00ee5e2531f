// What the page shows: the state of the daemon and its sites, again and again, and their events.
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkerRates } from '@vhostd/daemon/client';
import type { DaemonClient } from '@vhostd/daemon/client';
import type { DaemonStatus, MasterEvent } from '@vhostd/protocol';
import type { FeedMessages, Look, Sample, SiteFigures, Trouble } from './messages.js';

/** Takes each message. */
export type FeedListener = <Name extends keyof FeedMessages>(name: Name, message: FeedMessages[Name]) => void;

export class Feed {
  readonly #client: Pick<DaemonClient, 'status' | 'follow'>;
  readonly #rates = new WorkerRates();
  readonly #listeners = new Set<FeedListener>();
  readonly #events: MasterEvent[] = [];
  #samples: Sample[] = [];
  #look: Look | undefined;
  #trouble: Trouble | undefined;

  constructor(client: Pick<DaemonClient, 'status' | 'follow'>) {
    this.#client = client;
  }

  /** Asks until the signal comes. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#ask(signal), this.#follow(signal)]);
  }

  /** Tells the listener what there is, and then what comes. The result ends that. */
  subscribe(listener: FeedListener): () => void {
    listener('snapshot', {
      machine: hostname(),
      ...(this.#look === undefined ? {} : { look: this.#look }),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
      samples: this.#samples,
      events: this.#events,
    });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #ask(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#take(await this.#client.status());
      } catch (error) {
        this.#trouble = troubleOf(error);
        this.#tell('trouble', this.#trouble);
      }
      await pause(signal);
    }
  }

  /** A stream that ends is begun anew; the status says what the trouble is. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#client.follow({ signal, onEvent: (event) => this.#happened(event) }).catch(() => undefined);
      await pause(signal);
    }
  }

  #take(status: DaemonStatus): void {
    const rates = Object.fromEntries(
      status.sites
        .flatMap(({ workers }) => workers)
        .flatMap(({ workerId }) => {
          const rate = this.#rates.of(workerId);
          return rate === undefined ? [] : [[workerId, rate]];
        }),
    ) as Look['rates'];
    const sites = Object.fromEntries(
      status.sites.map(({ siteId, workers }) => [siteId, figuresOf(workers, rates)]),
    );
    const look = { status, rates, sample: { timeMs: Date.now(), sites } };
    this.#look = look;
    this.#trouble = undefined;
    const keptCount = Math.min(SAMPLES_MAX_COUNT, Math.ceil(FIGURES_MAX_COUNT / (status.sites.length + 1)));
    this.#samples = [...this.#samples, look.sample].slice(-keptCount);
    this.#tell('look', look);
  }

  #happened(event: MasterEvent): void {
    this.#rates.take(event);
    if (LEFT_OUT.has(event.event)) return;
    this.#events.push(event);
    this.#events.splice(0, this.#events.length - EVENTS_MAX_COUNT);
    this.#tell('event', event);
  }

  #tell<Name extends keyof FeedMessages>(name: Name, message: FeedMessages[Name]): void {
    for (const listener of this.#listeners) listener(name, message);
  }
}

function figuresOf(workers: DaemonStatus['sites'][number]['workers'], rates: Look['rates']): SiteFigures {
  const own = workers.flatMap(({ workerId }) => rates[workerId] ?? []);
  return {
    requests: sumOf(own.flatMap(({ requests }) => requests ?? [])),
    connections: sumOf(workers.map(({ connections }) => connections)) ?? 0,
    cpu: sumOf(own.map(({ cpu }) => cpu)),
    memoryBytes: sumOf(workers.flatMap(({ memoryBytes }) => memoryBytes ?? [])),
  };
}

/** Null where nothing is known. */
function sumOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

function troubleOf(error: unknown): Trouble {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return { code, message: error instanceof Error ? error.message : String(error) };
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(ASK_MS, undefined, { signal }).catch(() => undefined);
}

/** How often the daemon is asked, ms. */
const ASK_MS = 2_000;
/** Ten minutes. */
const SAMPLES_MAX_COUNT = 300;
/** Of all sites and moments: some 6 MB for the page to read at first. */
const FIGURES_MAX_COUNT = 60_000;
const EVENTS_MAX_COUNT = 200;
/** What they say is in the status, or in the event that comes with them. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'conf.applied',
  'site.due',
  'site.published',
  'site.served',
  'site.state',
  'site.withdrawn',
  'sites.loaded',
  'worker.certificates',
  'worker.refused',
  'worker.stats',
]);
