// `vhostd edge`: follows the fleet, and keeps one HAProxy as that wants it. What it last knew is in a file: without the
// store it begins with that, and a store that is lost changes nothing.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { packageVersion, writeWhole } from '@vhostd/protocol';
import { EtcdClient } from '../etcd/etcd-client.js';
import type { Change } from '../etcd/etcd-client.js';
import { keyOf, parseKey } from '../layout.js';
import type { EdgeConf } from './edge-conf.js';
import { EdgeRegistration } from './edge-registration.js';
import { FleetFollower } from '../etcd/fleet-follower.js';
import { FleetView } from './fleet-view.js';
import { Haproxy } from './haproxy.js';
import { planOf } from './haproxy-plan.js';
import type { Plan } from './haproxy-plan.js';

/** Takes an event and its fields. */
export type EdgeLog = (event: string, fields: Readonly<Record<string, unknown>>) => void;

export class Edge {
  readonly #log: EdgeLog;
  readonly #store: EtcdClient;
  readonly #view: FleetView;
  readonly #haproxy: Haproxy;
  readonly #follower: FleetFollower;
  readonly #registration: EdgeRegistration;
  readonly #prefix: string;
  readonly #stateFile: string;
  /** Of the store, behind what the view knows; undefined while the store is out of reach: another one may come back. */
  #revision: string | undefined;
  /** The last one that HAProxy leads by. */
  #applied: string | undefined;
  #kept: ReadonlyMap<string, number> = new Map();
  #haproxyAnswers = false;
  /** As the view and the checks are now. */
  #planned: Plan | undefined;
  /** Since when the check of a machine has found it down. */
  readonly #downSinceMs = new Map<string, number>();
  #isDirty = true;
  #isStored = false;
  #ended = false;
  #wake: () => void = () => undefined;
  /** What was said last of each part, so that it is said once. */
  readonly #said = new Map<string, string>();

  constructor(conf: EdgeConf, log: EdgeLog) {
    this.#log = log;
    mkdirSync(conf.dir, { recursive: true, mode: 0o700 });
    this.#stateFile = join(conf.dir, 'fleet.json');
    this.#view = new FleetView(conf.prefix);
    this.#haproxy = new Haproxy(conf);
    this.#store = new EtcdClient(conf);
    this.#prefix = conf.prefix;
    const key = keyOf(conf.prefix, { kind: 'edge', edge: edgeName() });
    this.#registration = new EdgeRegistration({ store: this.#store, key });
    this.#follower = new FleetFollower(this.#store, conf.prefix, {
      onSnapshot: (entries, revision) => {
        this.#view.reset(entries);
        this.#revision = revision;
        this.#said.delete('store');
        this.#log('edge.connected', { endpoint: this.#store.endpoint, revision });
        this.#changed();
      },
      onChanges: (changes, revision) => {
        // What edges tell changes nothing here, and would have each of them answer all others.
        if (changes.every((change) => this.#isOfEdge(change))) return;
        this.#view.apply(changes);
        this.#revision = revision;
        this.#changed();
      },
      onLost: (message) => {
        this.#revision = this.#applied = undefined;
        this.#register();
        this.#say('store', 'edge.store-lost', { message });
      },
    });
  }

  /** Resolves behind {@link end}. */
  async run(): Promise<void> {
    this.#restore();
    const following = Promise.all([this.#follower.run(), this.#registration.run()]);
    while (!this.#ended) {
      await this.#pass();
      await this.#rest();
    }
    await following;
    this.#store.close();
  }

  end(): void {
    this.#ended = true;
    this.#follower.end();
    this.#registration.end();
    this.#wake();
  }

  #changed(): void {
    this.#planned = undefined;
    this.#isDirty = true;
    this.#isStored = false;
    this.#wake();
  }

  #restore(): void {
    try {
      const saved: unknown = JSON.parse(readFileSync(this.#stateFile, 'utf8'));
      this.#view.restore(Object(saved) as Record<string, unknown>);
    } catch (error) {
      const isNew = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isNew) this.#log('edge.state-unreadable', { file: this.#stateFile, message: String(error) });
    }
  }

  async #pass(): Promise<void> {
    try {
      if (!this.#isStored) writeWhole(this.#stateFile, JSON.stringify(this.#view.saved));
      this.#isStored = true;
      // Before HAProxy is asked: it may not have been started for want of them.
      if (this.#isDirty) this.#haproxy.write(this.#plan());
      if (await this.#haproxy.look()) {
        this.#planned = undefined;
        this.#isDirty = true;
      }
      this.#forget();
      if (this.#isDirty) await this.#apply();
      this.#haproxyAnswers = true;
      this.#say('haproxy', 'edge.haproxy-answers', {});
    } catch (error) {
      this.#isDirty = true;
      this.#haproxyAnswers = false;
      this.#say('haproxy', 'edge.haproxy-failed', {
        message: error instanceof Error ? error.message : String(error),
      });
    }
    this.#register();
  }

  async #apply(): Promise<void> {
    this.#isDirty = false;
    const revision = this.#revision;
    const plan = this.#plan();
    this.#haproxy.write(plan);
    const { commands, reloaded, settled } = await this.#haproxy.apply(plan);
    // The store may have been lost meanwhile, and revisions begin anew.
    if (settled && this.#revision !== undefined) this.#applied = revision;
    this.#kept = plan.kept;
    if (commands > 0 || reloaded) this.#log('edge.applied', { commands, reloaded });
    // What still has connections can't be taken away, and is tried again.
    if (commands > 0) this.#isDirty = true;
  }

  /** Tells machines how far this edge is, where that is known. */
  #register(): void {
    const revision = this.#applied;
    const haproxy = this.#haproxyAnswers ? 'answers' : 'fails';
    const kept = Object.fromEntries(this.#kept);
    this.#registration.tell(
      revision === undefined ? undefined : { version: VERSION, revision, haproxy, kept },
    );
  }

  #isOfEdge({ key }: Change): boolean {
    return parseKey(this.#prefix, key)?.kind === 'edge';
  }

  /** HAProxy leads nobody to what is down: this only tidies up, and has time. */
  #forget(): void {
    const nowMs = performance.now();
    for (const { name, machine } of this.#plan().checks) {
      if (this.#haproxy.checkOf(name) !== 'down') this.#downSinceMs.delete(machine);
      else if (!this.#downSinceMs.has(machine)) this.#downSinceMs.set(machine, nowMs);
    }
    const isGone = (machine: string): boolean =>
      nowMs - (this.#downSinceMs.get(machine) ?? nowMs) >= FORGET_MS;
    const machines = this.#view.forget(isGone);
    if (machines.length === 0) return;
    this.#log('edge.forgotten', { machines });
    for (const machine of machines) this.#downSinceMs.delete(machine);
    this.#changed();
  }

  #plan(): Plan {
    this.#planned ??= planOf(this.#view.hosts, this.#view.machines, this.#haproxy.checkOf);
    return this.#planned;
  }

  #say(part: string, event: string, fields: Record<string, unknown>): void {
    const text = `${event} ${String(fields['message'])}`;
    if (this.#said.get(part) === text) return;
    this.#said.set(part, text);
    this.#log(event, fields);
  }

  async #rest(): Promise<void> {
    if (this.#ended || !this.#isStored) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }
}

/** No other edge has it, whatever machines are called: for each start another one. */
function edgeName(): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9-]/g, '-')
    .replace(/^-+/, '')
    .slice(0, HOST_NAME_CHARS);
  return `${host === '' ? 'edge' : host}-${randomBytes(4).toString('hex')}`;
}

const VERSION = packageVersion(import.meta.url);
const HOST_NAME_CHARS = 50;
/** How often the checks are looked at, ms. */
const LOOK_MS = 500;
/** So long a machine whose keys have vanished must have been down to be forgotten, ms. */
const FORGET_MS = 10_000;
