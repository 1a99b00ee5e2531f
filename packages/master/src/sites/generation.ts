// The workers that run one state of a site's code and conf.
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { WorkerFiles } from '../workers/worker-files.js';
import type { Worker } from '../workers/worker.js';

export class Generation {
  readonly number: number;
  readonly conf: SiteConf;
  readonly files: WorkerFiles;
  /** Those that serve, or are to. */
  readonly workers: Worker[] = [];
  /** What its workers asked for before it was published; in force once it is. */
  staged: SiteConf | undefined;
  /** What its workers ask for changes the conf in force: theirs is. */
  inForce: boolean;

  /** `release`: what its workers run; without it, what is there when the first of them starts. */
  constructor(
    number: number,
    conf: SiteConf,
    { release, inForce }: { release?: Release | undefined; inForce: boolean },
  ) {
    this.number = number;
    this.conf = conf;
    this.inForce = inForce;
    this.files = new WorkerFiles(conf, release);
  }

  /** What its workers run, once one of them has been ready. */
  get release(): Release | undefined {
    return this.files.kept;
  }
}
