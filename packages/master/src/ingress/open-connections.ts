// How many connections clients of one address have open to a site. Who ends one is the worker that has it, and a
// worker is not believed: the kernel is asked which sockets are held, when it matters.
import { networkOf } from './address-rates.js';
import type { Ingress } from './connection.js';

/** What a client of a site has open. */
interface Client {
  /** By the number of the socket: how many looks had begun when it was counted. */
  readonly open: Map<number, number>;
  /** More than may be open, unless some have ended. */
  waiting: Waiting[];
}

interface Waiting {
  readonly socket: number;
  /** How many looks had begun when it came. */
  readonly since: number;
  readonly onVerdict: (admitted: boolean) => void;
}

/** A connection that asks to be let in. */
export interface Arrival {
  /** The number by which the kernel lists its socket. */
  readonly socket: number;
  readonly address: string;
}

export class OpenConnections {
  /** Connections that an address may have open to a site. Undefined: any number. */
  #limit: number | undefined;
  readonly #held: () => Promise<ReadonlySet<number>>;
  readonly #sites = new Map<Ingress, Map<string, Client>>();
  #lookCount = 0;
  #looking = false;
  /** Sockets that are counted, some of which have ended. */
  #size = 0;
  #nextLookSize = FORGET_COUNT;

  /** `held` resolves with the sockets that any process holds; where it fails, nobody is refused. */
  constructor(held: () => Promise<ReadonlySet<number>>) {
    this.#held = held;
  }

  get limit(): number | undefined {
    return this.#limit;
  }

  /** Without one, whoever waits is let in. */
  set limit(limit: number | undefined) {
    this.#limit = limit;
    if (limit === undefined) this.#clear();
  }

  /** Sockets that are remembered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Says whether a connection may go to a site: at once, or, where its client seems to have too many, once the kernel
   * has told which have ended. `arrivalOf` is asked only where there is a limit; undefined: its client has gone.
   */
  admit(
    ingress: Ingress,
    arrivalOf: () => Arrival | undefined,
    onVerdict: (admitted: boolean) => void,
  ): void {
    const arrival = this.#limit === undefined ? undefined : arrivalOf();
    if (this.#limit === undefined || arrival === undefined) return onVerdict(true);
    const { socket, address } = arrival;
    const client = this.#clientOf(ingress, networkOf(address));
    if (client.open.has(socket)) return onVerdict(true);
    if (client.open.size < this.#limit) {
      this.#count(client, socket);
      onVerdict(true);
      if (this.#size >= this.#nextLookSize) this.#look();
    } else if (client.waiting.length < this.#limit) {
      client.waiting.push({ socket, since: this.#lookCount, onVerdict });
      this.#look();
    } else {
      // If all that are counted had ended, so many may come, and no more.
      onVerdict(false);
    }
  }

  #clientOf(ingress: Ingress, network: string): Client {
    const site = this.#sites.get(ingress) ?? new Map<string, Client>();
    this.#sites.set(ingress, site);
    const client = site.get(network) ?? { open: new Map(), waiting: [] };
    site.set(network, client);
    return client;
  }

  #count({ open }: Client, socket: number): void {
    open.set(socket, this.#lookCount);
    this.#size += 1;
  }

  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    const startMs = performance.now();
    const before = this.#lookCount;
    this.#lookCount += 1;
    void this.#held()
      .then(
        (held) => this.#forget(held, before),
        () => this.#eachClient((client) => this.#decide(client, before, Infinity)),
      )
      .finally(() => {
        const restMs = Math.min(
          Math.max(REST_MIN_MS, (performance.now() - startMs) * REST_FACTOR),
          REST_MAX_MS,
        );
        setTimeout(() => this.#rested(), restMs);
      });
  }

  /** Who has come during a look waits for the next one. */
  #rested(): void {
    this.#looking = false;
    let isAwaited = false;
    this.#eachClient(({ waiting }) => (isAwaited ||= waiting.length > 0));
    if (isAwaited) this.#look();
  }

  /** The kernel's list need not have what came while it was made. */
  #forget(held: ReadonlySet<number>, before: number): void {
    this.#eachClient((client) => {
      for (const [socket, counted] of client.open)
        if (counted <= before && !held.has(socket)) {
          client.open.delete(socket);
          this.#size -= 1;
        }
      this.#decide(client, before, this.#limit ?? Infinity);
    });
    for (const [ingress, site] of this.#sites) {
      for (const [network, { open, waiting }] of site)
        if (open.size + waiting.length === 0) site.delete(network);
      if (site.size === 0) this.#sites.delete(ingress);
    }
    this.#nextLookSize = this.#size * 2 + FORGET_COUNT;
  }

  #decide(client: Client, before: number, limit: number): void {
    const all = client.waiting;
    client.waiting = all.filter(({ since }) => since > before);
    for (const { socket, since, onVerdict } of all) {
      if (since > before) continue;
      const admitted = client.open.size < limit;
      if (admitted) this.#count(client, socket);
      onVerdict(admitted);
    }
  }

  #clear(): void {
    this.#eachClient((client) => this.#decide(client, this.#lookCount, Infinity));
    this.#sites.clear();
    this.#size = 0;
  }

  #eachClient(visit: (client: Client) => void): void {
    for (const site of this.#sites.values()) for (const client of site.values()) visit(client);
  }
}

/** Between two looks, ms. */
const REST_MIN_MS = 20;
/** A look takes a tenth of the time, most of which is the kernel's. */
const REST_FACTOR = 9;
/** Somebody may be waiting: on a machine that has 100 000 closed connections in TIME_WAIT a look takes a second. */
const REST_MAX_MS = 1000;
/** Sockets that may be remembered beyond twice of those that are held. */
const FORGET_COUNT = 1000;
