// This machine in the fleet, seen from the master: a process beside it publishes what the control API shows. Nothing waits
// for that process but a stop that is to be known of first, and that for a limited time.
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import type {
  FleetDrained,
  FleetDrainOptions,
  FleetDrainResult,
  FleetStanding,
  FleetState,
  FleetStatus,
  FleetStatusOptions,
  FleetToMaster,
  MasterToFleet,
} from '@vhostd/protocol';
import {
  decode,
  decoding,
  fleetFollowed,
  fleetStore,
  fleetToMaster,
  masterToFleet,
  z,
} from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';
import { MAX_DURATION_MS } from '../conf/fields.js';
import { parseDuration } from '../conf/quantity.js';
import type { FleetConf, MasterConf } from '../conf/site-conf.js';
import type { ControlAnswers } from '../control/control-answers.js';
import type { DrainedParts, MasterEvents } from '../events.js';
import type { LostPlace, Upstream } from '../routing/lost-places.js';
import { KeptFile } from '../sites/kept-file.js';
import { SideProcess } from '../side-process.js';

type FleetPeer = Peer<MasterToFleet, FleetToMaster>;

/** Where to publish. */
type FleetSettings = MasterToFleet['configure']['params']['settings'];

export class Fleet implements Upstream {
  readonly #control: ControlAnswers;
  readonly #events: MasterEvents;
  #settings: FleetSettings | undefined;
  /** What an operator wants of this machine, also under the next master. */
  readonly #kept: KeptFile<z.infer<typeof kept>>;
  #isOut: boolean;
  /** Those that sites here wait for. */
  #wantedSites: readonly string[] = [];
  /** Another master publishes still. */
  #held = false;
  #process: SideProcess<MasterToFleet, FleetToMaster> | undefined;
  #state: FleetState = CONNECTING;
  #lastError: FleetStanding['lastError'];
  /** A process that publishes by another conf is on its way out. */
  #replaced: Promise<void> = Promise.resolve();
  /** Sites that are drained as a whole. */
  readonly #leaving = new Set<string>();

  /** Without a state directory what an operator wants of this machine lasts as long as this process. */
  constructor(control: ControlAnswers, events: MasterEvents, stateDir: string | undefined) {
    this.#control = control;
    this.#events = events;
    this.#kept = new KeptFile(stateDir, 'fleet.json', kept);
    this.#isOut = this.#kept.content?.drained ?? false;
    events.on('fleet.sites-wanted', ({ siteIds }) => {
      this.#wantedSites = siteIds;
      this.#wantSites();
    });
  }

  /** Why what was kept could not be read. */
  get trouble(): string | undefined {
    return this.#kept.trouble;
  }

  /** Publishes nothing until {@link accept}. */
  hold(): void {
    this.#held = true;
  }

  accept(conf: MasterConf): void {
    this.#held = false;
    this.serve(conf);
  }

  /** Publishes by this conf from now on; what was published by another one is withdrawn. */
  serve({ fleet, healthPath }: Pick<MasterConf, 'fleet' | 'healthPath'>): void {
    if (!this.#held) void this.#configure(fleet === undefined ? undefined : settingsOf(fleet, healthPath));
  }

  /** This machine in the fleet; undefined where the conf names none. */
  get standing(): FleetStanding | undefined {
    if (this.#settings === undefined) return undefined;
    const { machine, address } = this.#settings;
    const lastError = this.#lastError === undefined ? {} : { lastError: this.#lastError };
    const drained = this.#isOut ? ({ drained: true } as const) : {};
    return { machine, address, ...this.#state, ...drained, ...lastError };
  }

  /** {@link standing}, and what is in the store. @throws {VhostError} ERR_FLEET_NONE. */
  async status(options: FleetStatusOptions): Promise<FleetStatus> {
    const standing = this.#standing();
    const peer = this.#process?.peer;
    try {
      if (peer === undefined) throw new Error('the process of the fleet does not run right now');
      const store = await peer.request('look', options, { timeoutMs: LOOK_LIMIT_MS });
      return { ...standing, store: decode(fleetStore, store, 'look') };
    } catch (error) {
      return { ...standing, storeError: messageOf(error) };
    }
  }

  /**
   * Takes this machine out of the fleet, or brings it back, also under the next master. Resolves when the edges that tell
   * how far they are lead clients so, or with those that do not at the limit of time.
   * @throws {VhostError} ERR_FLEET_NONE, ERR_SITE_OPTION: nothing has changed. ERR_FLEET_STORE: it is wanted, and will be
   * in the store as soon as that answers.
   */
  async setOut(isOut: boolean, { timeout }: FleetDrainOptions): Promise<FleetDrainResult> {
    const { machine } = this.#standing();
    const timeoutMs = timeout === undefined ? EDGES_LIMIT_MS : timeoutOf(timeout);
    this.#isOut = isOut;
    const lasts = this.#kept.write({ version: 1, drained: isOut });
    try {
      const peer = this.#process?.peer;
      if (peer === undefined) throw new Error('the process of the fleet does not run right now');
      const limit = { timeoutMs: Math.min(timeoutMs + ANSWER_LIMIT_MS, MAX_DURATION_MS) };
      const answer = decode(
        fleetFollowed,
        await peer.request('setOut', { isOut, timeoutMs }, limit),
        'setOut',
      );
      const late = answer.edges.filter(({ applied }) => !applied).map(({ edge }) => edge);
      if (isOut) this.#events.emit('fleet.machine-drained', { machine, late });
      else this.#events.emit('fleet.machine-resumed', { machine, late });
      return { machine, drained: isOut, lasts, ...answer };
    } catch (error) {
      const done = isOut ? 'drained' : 'brought back';
      const message = `${messageOf(error)}; ${machine} is ${done} as soon as the store can be told`;
      throw new VhostError('ERR_FLEET_STORE', message, { cause: error });
    }
  }

  /** Has nobody led to any site; resolves when that is known, or can't be told. */
  async drain(): Promise<void> {
    await this.#drain({}, {});
  }

  /** Of sites that serve on. Those of others are drained {@link without} them. */
  async drainPlaces(lost: readonly LostPlace[]): Promise<void> {
    const places = lost.filter(({ siteId }) => !this.#leaving.has(siteId)).map(hostAndPort);
    if (places.length === 0) return;
    await this.#drain({ places }, { hosts: [...new Set(places.map(({ host }) => host))] });
  }

  undrainPlaces(lost: readonly LostPlace[]): void {
    this.#undrain({ places: lost.map(hostAndPort) });
  }

  /** Does what keeps sites from serving for a while, or for good, once nobody is led to them. */
  async without<T>(siteIds: readonly string[], act: () => Promise<T>): Promise<T> {
    if (siteIds.length === 0) return await act();
    const which = { siteIds: [...siteIds] };
    for (const siteId of siteIds) this.#leaving.add(siteId);
    try {
      await this.#drain(which, which);
      return await act();
    } finally {
      for (const siteId of siteIds) this.#leaving.delete(siteId);
      this.#undrain(which);
    }
  }

  /** Leaves nothing of this machine in the store; resolves when the process has gone. */
  async stop(): Promise<void> {
    const peer = this.#state.state === 'connected' ? this.#process?.peer : undefined;
    await peer?.request('withdraw', null, { timeoutMs: DRAIN_LIMIT_MS }).catch(() => undefined);
    await this.leave();
  }

  /** Ends the process: another master publishes by now, and what is in the store is its own. */
  async leave(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
  }

  async #drain(which: FleetDrained, told: DrainedParts): Promise<void> {
    const peer = this.#process?.peer;
    if (peer === undefined || this.#settings === undefined) return;
    const timeoutMs = this.#settings.edgeTimeoutMs + DRAIN_LIMIT_MS;
    try {
      const answer = await peer.request('drain', which, { timeoutMs });
      const { late } = decode(masterToFleet.drain.result, answer, 'drain');
      this.#events.emit('fleet.drained', { ...told, late });
    } catch (error) {
      this.#events.emit('fleet.drain-failed', { ...told, message: messageOf(error) });
    }
  }

  #undrain(which: FleetDrained): void {
    this.#process?.peer?.request('undrain', which).catch(() => undefined);
  }

  async #configure(settings: FleetSettings | undefined): Promise<void> {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#replaced = Promise.all([this.#replaced, this.stop()]).then(() => undefined);
    await this.#replaced;
    if (settings === undefined || this.#settings !== settings) return;
    this.#process = this.#processFor(settings);
    this.#process.start();
  }

  #processFor(settings: FleetSettings): SideProcess<MasterToFleet, FleetToMaster> {
    return new SideProcess<MasterToFleet, FleetToMaster>({
      name: 'fleet',
      program: PROGRAM,
      args: [],
      onSpawned: (peer) => {
        this.#answer(peer);
        peer.request('configure', { settings, isOut: this.#isOut }).catch(() => undefined);
        this.#wantSites();
      },
      onLost: () => {
        this.#state = CONNECTING;
      },
      onExited: (message) => {
        this.#failed(message);
        this.#events.emit('fleet.exited', { message });
      },
    });
  }

  #answer(peer: FleetPeer): void {
    const control = decoding(fleetToMaster, 'control', (request) =>
      this.#control.answer(request, (value) => {
        try {
          return peer.notify('controlProgress', { id: request.id, value });
        } catch {
          return false;
        }
      }),
    );
    const state = decoding(fleetToMaster, 'state', (told) => {
      this.#take(told);
      return null;
    });
    peer.handle('control', control);
    peer.handle('state', state);
    const sites = decoding(fleetToMaster, 'sites', (told) => {
      this.#events.emit('fleet.sites', told);
      return null;
    });
    peer.handle('sites', sites);
  }

  #wantSites(): void {
    if (this.#wantedSites.length === 0) return;
    this.#process?.peer?.request('wantSites', { siteIds: [...this.#wantedSites] }).catch(() => undefined);
  }

  #take(told: FleetState): void {
    const before = this.#state.state;
    this.#state = told;
    const { state, endpoint = '', lease = '', error = '' } = told;
    if (state === 'lost') this.#failed(error);
    if (state === before) return;
    if (state === 'connected') this.#events.emit('fleet.connected', { endpoint, lease });
    if (state === 'lost') this.#events.emit('fleet.lost', { message: error });
  }

  #failed(message: string): void {
    this.#lastError = { time: new Date().toISOString(), message };
  }

  #standing(): FleetStanding {
    if (this.standing !== undefined) return this.standing;
    const message = 'this machine is in no fleet: its conf has no `fleet`, see docs/fleet.md';
    throw new VhostError('ERR_FLEET_NONE', message);
  }
}

function hostAndPort({ host, port }: LostPlace): { host: string; port: number } {
  return { host, port };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function settingsOf(conf: FleetConf, healthPath: string | undefined): FleetSettings {
  const { endpoints, ...rest } = conf;
  return { ...rest, endpoints: [...endpoints], ...(healthPath === undefined ? {} : { healthPath }) };
}

/** @throws {VhostError} ERR_SITE_OPTION. */
function timeoutOf(written: string | number): number {
  const timeoutMs = parseDuration(written);
  if (timeoutMs !== undefined && timeoutMs >= 1 && timeoutMs <= MAX_DURATION_MS) return timeoutMs;
  const message = `timeout: ${JSON.stringify(written)} is no duration from 1 ms to 24 days, such as 2m`;
  throw new VhostError('ERR_SITE_OPTION', message, { info: { option: 'timeout' } });
}

/** Resolved, never imported: nothing of it is to be loaded where connections are accepted. */
const PROGRAM = fileURLToPath(import.meta.resolve('@vhostd/fleet/run-fleet'));
const kept = z.object({ version: z.literal(1), drained: z.boolean() });
/** How long edges are waited for, unless it is said, ms. */
const EDGES_LIMIT_MS = 30_000;
/** How long the store may take beside that, ms. */
const ANSWER_LIMIT_MS = 30_000;
const CONNECTING: FleetState = { state: 'connecting' };
/** How long a store of any size may take to be read, ms. */
const LOOK_LIMIT_MS = 30_000;
/** How long a stop waits for the store, ms. */
const DRAIN_LIMIT_MS = 5000;
