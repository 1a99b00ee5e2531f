// The reloads of one site, one at a time: makes the next generation, keeps what its workers ask for until it is
// published, puts its conf into force.
import { availableParallelism } from 'node:os';
import type { WireError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import type { Crew } from './crew.js';
import { Reload } from './reload.js';
import type { ReloadOutcome } from './reload.js';
import type { Slot } from '../workers/slot.js';

/** What the reloads need of their site. */
export interface ReloadsHost {
  readonly siteId: string;
  /** The conf in force. */
  conf(): SiteConf;
  /** The conf that the operator wants for the next generation. */
  wanted(): SiteConf;
  /** Puts a conf into force, which is asked for when it is its turn. Rejects when it can't be had. */
  commit(conf: () => SiteConf): Promise<void>;
  /** A new worker may be given connections. */
  onPublished(): void;
  onBegin(): void;
  /** With an error: the generation in force is the one that was before. */
  onEnd(error: WireError | undefined): void;
}

export class Reloads {
  readonly #crew: Crew;
  readonly #host: ReloadsHost;
  /** The one reload behind what is at work now. */
  #following: Promise<ReloadOutcome> | undefined;

  constructor(crew: Crew, host: ReloadsHost) {
    this.#crew = crew;
    this.#host = host;
  }

  /** One more reload behind what is at work: the same for all that ask. */
  behind(atWork: Promise<unknown>, reload: () => Promise<ReloadOutcome>): Promise<ReloadOutcome> {
    this.#following ??= atWork.then(() => {
      this.#following = undefined;
      return reload();
    });
    return this.#following;
  }

  /** Replaces the workers. */
  start(): Promise<ReloadOutcome> {
    const [crew, host] = [this.#crew, this.#host];
    const next = crew.nextGeneration(host.wanted());
    let before = host.conf();
    const parts = {
      count: () =>
        workerCount(next.staged ?? { ...next.conf, cpuLen: next.conf.cpuLen ?? host.conf().cpuLen }),
      commit: () =>
        host.commit(() => {
          before = host.conf();
          next.inForce = true;
          return next.staged ?? this.carriedOver(next.conf);
        }),
      rollBack: () => host.commit(() => before).catch(() => undefined),
      retire: (slot: Slot) => crew.retire(slot),
      onSlotPublished: () => host.onPublished(),
      onEnd: (error: WireError | undefined) => {
        crew.endReload(error === undefined ? next : undefined);
        host.onEnd(error);
      },
    };
    const reload = new Reload(crew.current, next, parts, { settleMs: next.conf.settleTimeMs });
    crew.beginReload(reload);
    host.onBegin();
    return reload.run().then((error) => outcomeOf(host.siteId, next.number, error));
  }

  /** The conf that comes into force together with the generation of this slot; `undefined` once it is. */
  stagedConf(slot: Slot): SiteConf | undefined {
    const next = this.#crew.reload?.next;
    if (next === undefined || next.inForce || !next.has(slot)) return undefined;
    return next.staged ?? next.conf;
  }

  /** Changes {@link stagedConf}. */
  stage(conf: SiteConf): void {
    const { reload } = this.#crew;
    if (reload !== undefined) reload.next.staged = conf;
  }

  /** What workers have changed lives on in a generation whose workers and conf say nothing of their own. */
  carriedOver(conf: SiteConf): SiteConf {
    if (conf.listen.length > 0) return conf;
    const { listen, defaultListen, cpuLen: present } = this.#host.conf();
    const cpuLen = conf.cpuLen ?? present;
    return { ...conf, listen, defaultListen, ...(cpuLen === undefined ? {} : { cpuLen }) };
  }
}

/** What became of a reload, or of what was done in its stead. */
export function outcomeOf(siteId: string, generation: number, error: WireError | undefined): ReloadOutcome {
  return { siteId, generation, ok: error === undefined, ...(error === undefined ? {} : { error }) };
}

/** How many workers a conf asks for. */
export function workerCount(conf: { cpuLen?: number | undefined }): number {
  return conf.cpuLen ?? availableParallelism();
}
