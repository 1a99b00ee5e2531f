// What is known of one process of a worker, from its spawn to the spawn of the next one.
import { WORKER_REFUSAL_REASONS, workerRate } from '@vhostd/protocol';
import type {
  OtherServer,
  RefusalCounts,
  WireError,
  WorkerRefusal,
  WorkerRate,
  WorkerStats,
  WorkerTotals,
} from '@vhostd/protocol';
import type { ToldCertificate } from './told-certificates.js';
import type { SiteConf } from '../conf/site-conf.js';

export class WorkerRun {
  /** How the process before it ended, in words that name that one. */
  readonly predecessor: string | undefined;
  readonly #startedAtMs: number = performance.now();
  /** What the worker itself said of its failed boot, or of what it dies of. */
  failure: WireError | undefined;
  /** The certificates that it serves. */
  certificates: readonly ToldCertificate[] = [];
  /** What the status says of it. */
  remark: string | undefined;
  /** Why it wants to leave. */
  wantsToLeave: string | undefined;
  /** The server of the site is set. */
  starting = false;
  /** Its process was a spare, and dead before it began. */
  stillborn = false;
  /** It only waits for its app to say that it is ready. */
  waits = false;
  /** It has broken the rules of its link. */
  violated = false;
  /** It was told to leave, and has not within its limits. */
  overdue = false;
  readonly #others: OtherServer[] = [];
  #stats: WorkerStats | undefined;
  #totals: WorkerTotals | undefined;
  #rate: WorkerRate | undefined;
  readonly #refused: RefusalCounts = {};

  constructor(predecessor?: string) {
    this.predecessor = predecessor;
  }

  get uptimeMs(): number {
    return Math.round(performance.now() - this.#startedAtMs);
  }

  /** What it last told of itself. */
  get stats(): WorkerStats | undefined {
    return this.#stats;
  }

  /** What it did between the last two times that it told something of itself; undefined until it has twice. */
  get rate(): WorkerRate | undefined {
    return this.#rate;
  }

  /** Takes what it tells of itself. */
  tell(stats: WorkerStats, atMs: number): void {
    const totals = { atMs, requests: stats.requestCount, cpuMs: stats.cpuMs };
    this.#stats = stats;
    if (this.#totals !== undefined) this.#rate = workerRate(this.#totals, totals);
    this.#totals = totals;
  }

  /** It stands still: it does nothing, and what follows is no rate. */
  rest(): void {
    this.#totals = undefined;
    this.#rate = undefined;
  }

  /** How much what it has refused for each reason has grown. One that tells less than before has refused nothing more. */
  newlyRefused(refused: RefusalCounts): { reason: WorkerRefusal; count: number }[] {
    return WORKER_REFUSAL_REASONS.flatMap((reason) => {
      const told = refused[reason] ?? 0;
      const count = told - (this.#refused[reason] ?? 0);
      if (count <= 0) return [];
      this.#refused[reason] = told;
      return [{ reason, count }];
    });
  }

  /** Takes note of a server that is not the site's. False: there are more of them than anybody wants to know. */
  addOther(server: OtherServer): boolean {
    if (this.#others.length >= OTHERS_MAX_COUNT) return false;
    this.#others.push(server);
    return true;
  }

  /** Its servers that are not the site's, in words. */
  get alsoListens(): string[] {
    return this.#others.map(({ protocol, where }) => `${protocol} on ${where}`);
  }

  /** What keeps it from being ready, in words for the author of the site. */
  whyNotReady({ appPort, server }: Pick<SiteConf, 'appPort' | 'server'>): string {
    if (this.waits) return 'its app has not called process.send("ready"), for which waitReady waits';
    if (!server) return this.starting ? '`started` has not resolved' : 'its code has not loaded';
    if (this.starting) return 'its server is set, but `started` has not resolved';
    const other = this.#others.find(({ protocol }) => protocol === 'http') ?? this.#others[0];
    if (other === undefined)
      return `its code has neither set worker.server nor called listen(); in a thread or a child process that does not count; ${NO_SERVER_HINT}`;
    const { protocol, where } = other;
    if (protocol === 'tcp') {
      return `its server on ${where} is one of node:net, and speaks no HTTP that vhostd knows of; set worker.server to it`;
    }
    if (where.startsWith('port') && appPort !== undefined) {
      return `no HTTP server listens on its appPort ${appPort}, but one does on ${where}`;
    }
    return `its HTTP server listens on ${where}, where it gets no connections; let it listen on a port, or set worker.server`;
  }
}

/** For the author of a queue worker, a bot or a job. */
const NO_SERVER_HINT =
  'a site that is to have no server says so with "server": false, on the command line --no-server';
const OTHERS_MAX_COUNT = 20;
