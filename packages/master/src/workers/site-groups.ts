// The control groups (cgroup v2) of sites: one a site, and below it one for each process that is started as a worker, with
// the number of its pid. Where all want the CPUs each site has the same part of them, however many processes it has, and
// vhostd itself a larger one. A site's limits hold for all of its processes together, and what a worker of such a
// site has started is killed whole, whatever session or group of processes it is in; without limits it is left alone. Files and their formats: cgroups(7), and the kernel's
// Documentation/admin-guide/cgroup-v2.rst.
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CGROUP_VARIABLE } from '@vhostd/protocol';
import type { SiteDetail, SiteUsage } from '@vhostd/protocol';
import type { SiteConf, SiteLimits } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';

/** What a worker's process and all that it starts are in. */
export interface WorkerGroup {
  /** Whether a process is in it. */
  readonly populated: boolean;
  /** How often the kernel has killed a process of it for want of memory. */
  readonly oomKillCount: number;
  /** Ends every process in it. */
  kill(): void;
  /** Removes it where it is empty, and the site's with the last one. */
  remove(): void;
}

export class SiteGroups {
  readonly #base: string | undefined;
  readonly #events: MasterEvents;
  /** What is not held of a site's limits, as it was last said. */
  readonly #unheld = new Map<string, string>();
  /** Of workers of this process. */
  readonly #own = new Set<string>();
  #sweep: NodeJS.Timeout | undefined;

  /** @param base The directory below which groups are made; absent: there are none. */
  constructor(base: string | undefined, events: MasterEvents) {
    this.#base = base;
    this.#events = events;
    this.#sweepOn();
  }

  /** Those of this process; its variable is gone afterwards, since it is not for workers. */
  static ofProcess(events: MasterEvents): SiteGroups {
    const { [CGROUP_VARIABLE]: base = '' } = process.env;
    delete process.env[CGROUP_VARIABLE];
    return new SiteGroups(base === '' ? undefined : base, events);
  }

  /**
   * Makes the group of a site, with its limits; returns where its workers are to make theirs. Undefined: there can be no
   * groups, which is told once of a site with limits.
   */
  enter({ siteId, limits }: Pick<SiteConf, 'siteId' | 'limits'>): string | undefined {
    if (this.#base === undefined) {
      this.#tellUnheld(siteId, limits === undefined ? '' : NO_BASE);
      return undefined;
    }
    const directory = this.#directoryOf(this.#base, siteId);
    try {
      const controllers = readText(this.#base, 'cgroup.controllers').trim().split(' ');
      for (const controller of CONTROLLERS) tryWrite(this.#base, 'cgroup.subtree_control', `+${controller}`);
      tryWrite(path.join(this.#base, OWN_GROUP), 'cpu.weight', String(OWN_CPU_WEIGHT));
      mkdirSync(directory, { recursive: true });
      // So that each worker's own group tells of which one the kernel has killed a process.
      tryWrite(directory, 'cgroup.subtree_control', '+memory');
      for (const [file, value] of Object.entries(filesOf(limits ?? {}))) {
        if (controllers.includes(controllerOf(file))) writeFileSync(path.join(directory, file), value);
      }
      const missing = Object.keys(limits ?? {}).filter((name) => !controllers.includes(controllerOf(name)));
      this.#tellUnheld(
        siteId,
        missing.length === 0 ? '' : `the kernel has no such controller here: ${missing.join(', ')}`,
      );
      return directory;
    } catch (error) {
      if (limits !== undefined)
        this.#tellUnheld(siteId, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** The group of a process that was told to be in one of this site; `limits`: as {@link enter} was told. */
  of(
    directory: string | undefined,
    pid: number | undefined,
    limits: SiteLimits | undefined,
  ): WorkerGroup | undefined {
    if (directory === undefined || pid === undefined) return undefined;
    const group = path.join(directory, `${pid}${groupSuffix(limits)}`);
    this.#own.add(group);
    const onRemoved = (): void => {
      this.#own.delete(group);
      this.#sweepOn();
    };
    return limits === undefined ? new LooseGroup(group, onRemoved) : new DirectoryGroup(group, onRemoved);
  }

  /** What the status says of a site's group. */
  statusOf(siteId: string): Pick<SiteDetail, 'usage' | 'limitsUnheld'> {
    const [usage, unheld] = [this.#usageOf(siteId), this.#unheld.get(siteId) ?? ''];
    return { ...(usage === undefined ? {} : { usage }), ...(unheld === '' ? {} : { limitsUnheld: unheld }) };
  }

  /** What the workers of a site, and all that they have started, take together; undefined where it has no group. */
  #usageOf(siteId: string): SiteUsage | undefined {
    if (this.#base === undefined) return undefined;
    const directory = this.#directoryOf(this.#base, siteId);
    const cpu = tryRead(directory, 'cpu.stat');
    if (cpu === undefined) return undefined;
    const memory = tryRead(directory, 'memory.current');
    const events = tryRead(directory, 'memory.events');
    const processes = groupsIn(directory).flatMap((group) => pidsIn(path.join(directory, group)));
    return {
      cpuMs: Math.round(numberOf(cpu, 'usage_usec') / 1000),
      throttledMs: Math.round(numberOf(cpu, 'throttled_usec') / 1000),
      processes: processes.length,
      ...(memory === undefined ? {} : { memoryBytes: Number(memory) }),
      ...(events === undefined ? {} : { oomKills: numberOf(events, 'oom_kill') }),
    };
  }

  #directoryOf(base: string, siteId: string): string {
    return path.join(base, `${SITE_PREFIX}${siteId}`);
  }

  #tellUnheld(siteId: string, reason: string): void {
    const before = this.#unheld.get(siteId);
    this.#unheld.set(siteId, reason);
    if (reason !== '' && reason !== before) this.#events.emit('site.limits-unheld', { siteId, reason });
  }

  /**
   * Of workers of a master before this one, or beside it: what such a worker has left behind when it is gone is killed,
   * and what is empty is removed. What is left alone is removed when it is empty, whoever's it was.
   */
  #sweepOn(): void {
    const base = this.#base;
    if (base === undefined || this.#sweep !== undefined) return;
    const gone = new Set<string>();
    const sweep = (): void => {
      let left = 0;
      for (const directory of groupsIn(base, SITE_PREFIX).map((name) => path.join(base, name))) {
        for (const pid of groupsIn(directory)) {
          const group = path.join(directory, pid);
          if (this.#own.has(group)) continue;
          if (pid.endsWith(LOOSE)) {
            if (!tryRemove(group)) left += 1;
            continue;
          }
          left += 1;
          if (pidsIn(group).includes(Number(pid))) continue;
          const adopted = new DirectoryGroup(group);
          // Its own master may be at it: only what is there in the next turn, too, is killed.
          if (adopted.populated && gone.has(group)) adopted.kill();
          else adopted.remove();
          gone.add(group);
        }
        tryRemove(directory);
      }
      if (left > 0) return;
      clearInterval(this.#sweep);
      this.#sweep = undefined;
      process.removeListener('exit', sweep);
    };
    this.#sweep = setInterval(sweep, SWEEP_MS);
    this.#sweep.unref();
    process.once('exit', sweep);
    sweep();
  }
}

class DirectoryGroup implements WorkerGroup {
  readonly #directory: string;
  readonly #onRemoved: (() => void) | undefined;

  constructor(directory: string, onRemoved?: () => void) {
    this.#directory = directory;
    this.#onRemoved = onRemoved;
  }

  get populated(): boolean {
    return numberOf(tryRead(this.#directory, 'cgroup.events') ?? '', 'populated') > 0;
  }

  get oomKillCount(): number {
    return numberOf(tryRead(this.#directory, 'memory.events') ?? '', 'oom_kill');
  }

  kill(): void {
    if (tryWrite(this.#directory, 'cgroup.kill', '1')) return;
    // Before Linux 5.14.
    for (const pid of pidsIn(this.#directory)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It is gone.
      }
    }
  }

  remove(): void {
    this.#onRemoved?.();
    if (tryRemove(this.#directory)) tryRemove(path.dirname(this.#directory));
  }
}

/** What the processes of a site without limits have started is left alone, as without control groups. */
class LooseGroup extends DirectoryGroup {
  override get populated(): boolean {
    return false;
  }

  override kill(): void {}
}

/** What follows the pid in the name of a worker's group. */
export function groupSuffix(limits: SiteLimits | undefined): string {
  return limits === undefined ? LOOSE : '';
}

/** What stands in which file of a site's group. */
function filesOf({ memory, memoryHigh, cpu, cpuWeight, pids }: SiteLimits): Record<string, string> {
  // What is above is slowed down and given back, before anything is killed.
  const high = memoryHigh ?? (memory === undefined ? undefined : Math.floor(memory * HIGH_SHARE));
  return {
    'memory.high': String(high ?? 'max'),
    'memory.max': String(memory ?? 'max'),
    'cpu.max': `${cpu === undefined ? 'max' : Math.round(cpu * PERIOD_US)} ${PERIOD_US}`,
    'cpu.weight': String(cpuWeight ?? CPU_WEIGHT),
    'pids.max': String(pids ?? 'max'),
  };
}

/** Of a file, or a field of `limits`. */
function controllerOf(name: string): string {
  if (name === 'memoryHigh') return 'memory';
  return name === 'cpuWeight' ? 'cpu' : (name.split('.')[0] ?? '');
}

function groupsIn(directory: string, prefix = ''): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix))
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function pidsIn(directory: string): number[] {
  return (tryRead(directory, 'cgroup.procs') ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** The number behind a name, of a file that has one a line; 0 without. */
function numberOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'mu').exec(text)?.[1] ?? 0);
}

function readText(directory: string, file: string): string {
  return readFileSync(path.join(directory, file), 'utf8');
}

function tryRead(directory: string, file: string): string | undefined {
  try {
    return readText(directory, file);
  } catch {
    return undefined;
  }
}

function tryWrite(directory: string, file: string, value: string): boolean {
  try {
    writeFileSync(path.join(directory, file), value, { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

function tryRemove(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

/** Daemon and master, where the group is the daemon's own. */
const OWN_GROUP = 'vhostd';
/** They do little for each connection, and all sites wait for it: ten times a site's. */
const OWN_CPU_WEIGHT = 1000;
/** The kernel's default. */
const CPU_WEIGHT = 100;
const CONTROLLERS: readonly string[] = ['memory', 'cpu', 'pids'];
const SITE_PREFIX = 'site-';
const LOOSE = '-loose';
const NO_BASE = 'vhostd has no control group of its own: see VHOSTD_CGROUP in docs/systemd.md';
/** Of `memory`, where `memoryHigh` says nothing. */
const HIGH_SHARE = 0.9;
/** Of `cpu.max`, µs: the kernel's default. */
const PERIOD_US = 100_000;
const SWEEP_MS = 2000;
