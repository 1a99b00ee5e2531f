// Keeps what is in the store of this machine as it is to be: one lease, one transaction a change, all of it again behind a
// lease that was lost. One loop does it all, so that nothing of it overtakes another.
import type { FleetDrained, FleetSettings, FleetState } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import { isGone, MAX_CHANGE_COUNT } from '../etcd/etcd-client.js';
import type { Change, EtcdClient } from '../etcd/etcd-client.js';
import { hostRecord, keyOf, machineRecord, parseKey, parseRecord, siteRecord } from '../layout.js';
import type { HostRecord, MachineRecord, SiteRecord } from '../layout.js';
import type { Layout } from './layout-writer.js';
import { layoutOf } from './layouts.js';
import type { LocalSite } from './local-site.js';
import { MachineState } from './machine-state.js';
import { SharedWriter } from './shared-writer.js';

/** What a {@link Publisher} is made of. */
export interface PublisherOptions {
  readonly settings: FleetSettings;
  readonly version: string;
  readonly store: EtcdClient;
  readonly onState: (state: FleetState) => void;
  /** An operator has taken the machine out. Default: no. */
  readonly isOut?: boolean;
  /** Life of the lease, and how often it is kept alive. Default 10 s and 3 s. */
  readonly leaseTtlS?: number;
  readonly keepAliveMs?: number;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #store: EtcdClient;
  readonly #layout: Layout;
  readonly #machine: MachineState;
  readonly #shared: SharedWriter;
  readonly #machineKey: string;
  readonly #started = new Date().toISOString();
  /** What the store has of this machine, as far as is known. */
  #stored = new Map<string, string>();
  #lease: string | undefined;
  #revision = '0';
  #keepAliveAtMs = 0;
  #known = false;
  readonly #whenKnown = new Deferred<void>();
  #adopted = false;
  #isOut: boolean;
  #withdrawn = false;
  #ended = false;
  /** Resolved when there is something to do. */
  #wake = new Deferred<void>();
  /** Those who wait until all that is wanted now is in the store. */
  #waiting: Deferred<void>[] = [];
  #told = '';
  readonly #loop: Promise<void>;

  constructor(options: PublisherOptions) {
    const { settings, store } = options;
    const { machine } = settings;
    this.#options = options;
    this.#store = store;
    this.#layout = layoutOf(settings);
    const { root: prefix, followMs } = this.#layout;
    this.#machine = new MachineState({ ...settings, prefix, followMs });
    this.#shared = new SharedWriter(store);
    this.#isOut = options.isOut ?? false;
    this.#machine.setOut(this.#isOut);
    this.#machineKey = keyOf(prefix, { kind: 'machine', machine });
    this.#tell({ state: 'connecting' });
    this.#loop = this.#run();
  }

  /** These are the sites of this machine from now on. Before the first time nothing is published. */
  set(sites: readonly LocalSite[]): void {
    this.#machine.set(sites);
    this.#known = true;
    this.#whenKnown.resolve();
    this.#wake.resolve();
  }

  /** Leads nobody there; resolves when the store has it. @throws {Error} the store could not be told. */
  async drain(which: FleetDrained): Promise<void> {
    this.#machine.drain(which);
    await this.#settled();
  }

  undrain(which: FleetDrained): void {
    this.#machine.undrain(which);
    this.#wake.resolve();
  }

  /** Takes the whole machine out, or brings it back; resolves when the store has it. @throws {Error} it could not be told. */
  async setOut(isOut: boolean): Promise<void> {
    this.#isOut = isOut;
    this.#machine.setOut(isOut);
    // Before the sites are known nothing is published, and nothing would be waited for.
    await this.#whenKnown.promise;
    await this.#settled();
  }

  /** Of the store, behind the last change of this machine. */
  get revision(): string {
    return this.#revision;
  }

  /** Leaves nothing of this machine in the store. @throws {Error} the store could not be told. */
  async withdraw(): Promise<void> {
    this.#withdrawn = true;
    await this.#settled();
  }

  /** Stops: what is in the store stays for as long as its lease. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#wake.resolve();
    await this.#loop;
  }

  async #settled(): Promise<void> {
    const done = new Deferred<void>();
    this.#waiting.push(done);
    this.#wake.resolve();
    await done.promise;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#ended;) {
      this.#wake = new Deferred();
      const waiting = this.#waiting.splice(0);
      try {
        await this.#step();
        failures = 0;
        for (const one of waiting) one.resolve();
        await this.#rest(this.#nextMs() - performance.now());
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        for (const one of waiting) one.reject(failure);
        this.#tell({ state: 'lost', error: failure.message });
        const limitMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** failures++);
        await this.#rest(limitMs * (0.5 + Math.random() / 2));
      }
    }
  }

  async #step(): Promise<void> {
    if (this.#withdrawn) return await this.#leave();
    if (this.#lease !== undefined && performance.now() >= this.#keepAliveAtMs) await this.#keepAlive();
    if (!this.#known) return;
    if (!this.#adopted) await this.#adopt();
    const lease = await this.#publishUnderLease();
    this.#tell({ state: 'connected', lease, revision: this.#revision });
  }

  /** Gives the lease. One that has ended is granted anew: a change does not wait until a keep-alive notices. */
  async #publishUnderLease(): Promise<string> {
    try {
      return await this.#publish();
    } catch (error) {
      if (!isGone(error)) throw error;
      this.#loseLease();
      return await this.#publish();
    }
  }

  async #leased(): Promise<string> {
    if (this.#lease !== undefined) return this.#lease;
    this.#lease = await this.#store.grant(this.#options.leaseTtlS ?? LEASE_TTL_S);
    this.#keepAliveAtMs = performance.now() + (this.#options.keepAliveMs ?? KEEP_ALIVE_MS);
    return this.#lease;
  }

  async #keepAlive(): Promise<void> {
    if (this.#lease === undefined) return;
    if (await this.#store.keepAlive(this.#lease)) {
      this.#keepAliveAtMs = performance.now() + (this.#options.keepAliveMs ?? KEEP_ALIVE_MS);
      return;
    }
    this.#loseLease();
    // All machines of a fleet lose theirs at the same time.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * REGRANT_JITTER_MS));
  }

  #loseLease(): void {
    this.#lease = undefined;
    this.#stored.clear();
    this.#shared.forget();
    this.#tell({ state: 'lost', error: 'the lease has ended' });
  }

  /** Takes over what a process before this one has published and nobody has withdrawn. */
  async #adopt(): Promise<void> {
    const text = await this.#store.get(this.#machineKey);
    const before = text === undefined ? undefined : parseRecord(machineRecord, text);
    const keys = before === undefined ? [] : await this.#store.keysOf(before.lease);
    const { machine } = this.#options.settings;
    const adopted = new Map<string, HostRecord | SiteRecord>();
    for (const key of keys) {
      const name = parseKey(this.#layout.root, key);
      if (name?.kind !== 'host' && name?.kind !== 'site') continue;
      if (name.machine !== machine) continue;
      const value = (await this.#store.get(key)) ?? '';
      const record = parseRecord(name.kind === 'host' ? hostRecord : siteRecord, value);
      if (record === undefined) continue;
      this.#machine.adopt(key, record, performance.now());
      adopted.set(key, record);
    }
    // All that stood for them is there still, and is removed or hung on another lease.
    for (const key of this.#layout.write(adopted).own.keys()) this.#stored.set(key, '');
    this.#adopted = true;
  }

  /** The machine's own key comes last: what is not there by then, it does not have. */
  async #publish(): Promise<string> {
    const lease = await this.#leased();
    const { own, shared } = this.#layout.write(this.#machine.wanted(performance.now()));
    const wanted = new Map(own).set(this.#machineKey, JSON.stringify(this.#record(lease)));
    const changes: Change[] = [...this.#stored.keys()]
      .filter((key) => !wanted.has(key))
      .map((key) => ({ key }));
    for (const [key, value] of wanted) if (this.#stored.get(key) !== value) changes.push({ key, value });
    this.#shared.expect(shared, new Set(changes.map(({ key }) => key)));
    for (let from = 0; from < changes.length; from += MAX_CHANGE_COUNT) {
      await this.#commit(changes.slice(from, from + MAX_CHANGE_COUNT), lease);
    }
    await this.#shared.write(shared);
    return lease;
  }

  async #commit(changes: readonly Change[], lease: string | undefined): Promise<void> {
    this.#revision = await this.#store.commit(changes, lease);
    for (const { key, value } of changes) {
      if (value === undefined) this.#stored.delete(key);
      else this.#stored.set(key, value);
    }
  }

  async #leave(): Promise<void> {
    const keys = [...this.#stored.keys()];
    for (let from = 0; from < keys.length; from += MAX_CHANGE_COUNT) {
      const changes = keys.slice(from, from + MAX_CHANGE_COUNT).map((key) => ({ key }));
      await this.#commit(changes, undefined);
    }
    await this.#shared.write([]);
    if (this.#lease !== undefined) await this.#store.revoke(this.#lease);
    this.#lease = undefined;
  }

  #record(lease: string): MachineRecord {
    const { settings, version } = this.#options;
    const { address, healthPath } = settings;
    const drained = this.#isOut ? ({ drained: true } as const) : {};
    const health = this.#machine.health(healthPath);
    return { address, version, started: this.#started, lease, ...drained, ...health };
  }

  #nextMs(): number {
    const keepAliveMs = this.#lease === undefined ? Number.POSITIVE_INFINITY : this.#keepAliveAtMs;
    return Math.min(keepAliveMs, this.#machine.nextMs ?? Number.POSITIVE_INFINITY);
  }

  /** Until there is something to do, at most so long. */
  async #rest(ms: number): Promise<void> {
    if (this.#ended) return;
    const timer = ms < MAX_TIMER_MS ? setTimeout(() => this.#wake.resolve(), Math.max(0, ms)) : undefined;
    await this.#wake.promise;
    clearTimeout(timer);
  }

  #tell(state: FleetState): void {
    const told: FleetState = { ...state, endpoint: this.#store.endpoint };
    const text = JSON.stringify(told);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onState(told);
  }
}

const LEASE_TTL_S = 10;
const KEEP_ALIVE_MS = 3000;
const REGRANT_JITTER_MS = 1000;
const RETRY_BASE_MS = 200;
const RETRY_CAP_MS = 3000;
const MAX_TIMER_MS = 2 ** 31 - 1;
