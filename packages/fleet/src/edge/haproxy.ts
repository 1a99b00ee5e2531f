// Brings one HAProxy to what is planned: its files always, so that it starts with them, and the process that runs by its
// runtime API, or where a backend is new by a new process that takes the addresses over.
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { writeWhole } from '@vhostd/protocol';
import type { EdgeConf } from './edge-conf.js';
import { changesOf } from './haproxy-changes.js';
import type { Running } from './haproxy-changes.js';
import { haproxyFiles } from './haproxy-files.js';
import type { CheckState, Plan } from './haproxy-plan.js';
import { HaproxyRuntime } from './haproxy-runtime.js';
import type { RunningServer } from './haproxy-runtime.js';

/** What an apply has done. */
export interface Applied {
  readonly commands: number;
  readonly reloaded: boolean;
  /** Clients are led as planned. */
  readonly settled: boolean;
}

type Servers = Map<string, Map<string, RunningServer>>;

export class Haproxy {
  readonly #conf: EdgeConf;
  readonly #runtime: HaproxyRuntime;
  /** What the process of this id has, as far as it was asked. */
  #running: (Running & { pid: string; servers: Servers; backends: Set<string> }) | undefined;
  #written = '';

  constructor(conf: EdgeConf) {
    this.#conf = conf;
    this.#runtime = new HaproxyRuntime(join(conf.dir, 'admin.sock'), conf.masterSocket);
  }

  /** What the check of this name last found. */
  readonly checkOf = (name: string): CheckState => {
    const [server] = this.#running?.servers.get(name)?.values() ?? [];
    return server?.state ?? 'unknown';
  };

  /** Asks for the checks; whether one of them has changed. Rejects where HAProxy does not answer. */
  async look(): Promise<boolean> {
    const pid = await this.#runtime.pid();
    if (this.#running?.pid !== pid) {
      await this.#readAll(pid);
      return true;
    }
    const names = [...this.#running.servers.keys()].filter((name) => name.startsWith('machine:'));
    const before = names.map(this.checkOf);
    await this.#read(names);
    return names.some((name, index) => this.checkOf(name) !== before[index]);
  }

  /** Writes the files of a plan, where they are not so already. */
  write(plan: Plan): void {
    const { dir } = this.#conf;
    const files = haproxyFiles(plan, this.#conf);
    const text = JSON.stringify(files);
    if (text === this.#written) return;
    for (const [name, content] of Object.entries(files)) writeWhole(join(dir, name), content);
    this.#written = text;
  }

  /** @throws {Error} HAProxy does not answer, or refuses its conf: it goes on with what it has. */
  async apply(plan: Plan): Promise<Applied> {
    if (this.#running === undefined) return { commands: 0, reloaded: false, settled: false };
    const first = await this.#change(plan);
    if (!first.reload) return { commands: first.commands, reloaded: false, settled: first.settled };
    await this.#reload();
    const second = await this.#change(plan);
    return { commands: first.commands + second.commands, reloaded: true, settled: second.settled };
  }

  async #change(plan: Plan): Promise<{ commands: number; reload: boolean; settled: boolean }> {
    const running = this.#running;
    if (running === undefined) return { commands: 0, reload: false, settled: false };
    const { dir } = this.#conf;
    const { commands, touched, reload } = changesOf(plan, running, dir);
    if (commands.length > 0) {
      await this.#runtime.commands(commands);
      await this.#read(touched);
      if (commands.some((command) => command.includes(' map '))) running.maps = await this.#maps();
    }
    return { commands: commands.length, reload, settled: changesOf(plan, running, dir).settled };
  }

  async #reload(): Promise<void> {
    const { dir, haproxy } = this.#conf;
    const before = await this.#runtime.pid();
    await promisify(execFile)(haproxy, ['-c', '-f', join(dir, 'haproxy.cfg')]);
    const state = join(dir, 'servers.state');
    const checks = [...(this.#running?.backends ?? [])].filter((name) => name.startsWith('machine:'));
    // The next process begins with what the checks have found.
    writeFileSync(state, checks.length === 0 ? '' : (await this.#runtime.servers(checks)).text);
    try {
      await this.#runtime.reload();
      for (const deadlineMs = performance.now() + RELOAD_LIMIT_MS; ;) {
        const pid = await this.#runtime.pid().catch(() => before);
        if (pid !== before) return await this.#readAll(pid);
        if (performance.now() > deadlineMs) throw new Error('HAProxy did not start another process');
        await delay(RELOAD_LOOK_MS);
      }
    } finally {
      rmSync(state, { force: true });
    }
  }

  async #readAll(pid: string): Promise<void> {
    const backends = await this.#runtime.backends();
    const { servers } = await this.#runtime.servers();
    this.#running = { pid, backends, servers, maps: await this.#maps() };
  }

  async #read(backends: readonly string[]): Promise<void> {
    if (this.#running === undefined || backends.length === 0) return;
    const { servers } = await this.#runtime.servers(backends);
    for (const name of backends) this.#running.servers.set(name, servers.get(name) ?? new Map());
  }

  async #maps(): Promise<Running['maps']> {
    const { dir, http, https } = this.#conf;
    return {
      http: http.length === 0 ? new Map() : await this.#runtime.map(join(dir, 'http.map')),
      tls: https.length === 0 ? new Map() : await this.#runtime.map(join(dir, 'tls.map')),
    };
  }
}

const RELOAD_LIMIT_MS = 30_000;
const RELOAD_LOOK_MS = 20;
