// How the workers of all sites are started: what each is told, what becomes of what it prints, by which link it is
// reached.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { LinkType, WorkerIdentity } from '@vhostd/protocol';
import type { BatchOffer, ReadingShare } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import type { Release } from '../conf/release.js';
import type { Limits, MasterConf, SiteConf } from '../conf/site-conf.js';
import { checkTrust, isFenced } from '../conf/trust.js';
import type { MasterEvents } from '../events.js';
import type { Acceptor } from '../ingress/acceptor.js';
import type { Ingress } from '../ingress/connection.js';
import type { SiteLogs } from '../logs/site-logs.js';
import { BootGate } from './boot-gate.js';
import { checkPrograms } from './exec-chain.js';
import { directoryMark, fileMark } from './file-marks.js';
import { permissionArgs } from './permissions.js';
import { ProcessGroups } from './process-groups.js';
import { SiteDirectories } from './site-directories.js';
import { SiteGroups } from './site-groups.js';
import type { Suspects } from './suspects.js';
import { SparePool } from './spare-pool.js';
import { earlyOptionOf, startVariablesOf } from './start-options.js';
import type { WorkerLaunch } from './worker-launch.js';
import { preloadFile } from './worker-files.js';
import { ProgramProcess } from './program-process.js';
import { WorkerProcess } from './worker-process.js';
import type { SpawnedWorker } from './spawned-worker.js';
import { WorkerSpare } from './worker-spare.js';

/** The site that a worker is of. */
export interface WorkerSite {
  readonly siteId: string;
  readonly ingress: Ingress;
  /** Where what a worker prints goes that is started now. */
  readonly logs: SiteLogs;
  /** What reading from all of its workers may cost. */
  readonly readingShare: ReadingShare;
  /** Something comes for its workers: they do not stand still, and will not for a while. */
  thaw(): void;
}

/** Which worker to start. */
export interface WorkerOrder {
  readonly site: WorkerSite;
  readonly conf: SiteConf;
  readonly slot: number;
  readonly generation: number;
  readonly release: Release;
  /** The variables that the conf names, those of its files included. */
  readonly variables: Readonly<Record<string, string>>;
}

/** What starts workers: {@link WorkerSpawner}, or that of a test. */
export interface Spawner {
  /** Who may boot when. */
  readonly boots: BootGate;
  /** @throws {VhostError} ERR_SITE_UNTRUSTED where no worker of the site may be started. */
  check(conf: SiteConf): void;
  /** @throws {Error} what {@link check} and fork throw. */
  spawn(order: WorkerOrder): SpawnedWorker;
  /** The site is to have so many processes that wait to be a worker by such an order, whatever slot and generation it names. */
  keepSpares(order: WorkerOrder, count: number): void;
  /** The site is to have none. */
  endSpares(siteId: string): void;
  /** How many it has. */
  spareCountOf(siteId: string): number;
  /** No site of this id is there any more, nor any worker of one: what was kept for its workers goes. */
  forget(siteId: string): void;
}

export class WorkerSpawner extends EventEmitter<{ spawned: [process: SpawnedWorker] }> implements Spawner {
  /** How workers are reached that are started from now on. */
  linkType: LinkType = 'pipe';
  /** Whether they may be sent connections in batches: anyway, or where it pays; undefined: no. */
  batches: BatchOffer['wish'] | undefined;
  readonly boots: BootGate = new BootGate(BOOT_MAX_COUNT);
  readonly #acceptor: Acceptor;
  readonly #events: MasterEvents;
  readonly #suspects: Suspects;
  readonly #preload: string = preloadFile();
  readonly #directories: SiteDirectories = SiteDirectories.ofProcess();
  readonly #groups: ProcessGroups = new ProcessGroups();
  /** The control groups of sites. */
  readonly siteGroups: SiteGroups;
  /** Whether workers that are started from now on measure their requests and event loop. */
  measures = false;
  readonly #spares: SparePool<WorkerOrder, WorkerSpare>;
  #headMaxBytes: number;
  /** Sites of which a worker has tried out this Node: no other site takes its word for it. */
  readonly #triedNodes = new WeakSet<object>();
  #spawnedCount = 0;

  constructor(acceptor: Acceptor, limits: Limits, events: MasterEvents, suspects: Suspects) {
    super();
    this.#suspects = suspects;
    this.#acceptor = acceptor;
    this.#events = events;
    this.siteGroups = SiteGroups.ofProcess(events);
    this.#headMaxBytes = limits.headMaxBytes;
    this.#spares = new SparePool({
      boots: this.boots,
      keyOf: (order) => this.#spareKeyOf(order),
      start: (order) => new WorkerSpare(this.#launchOf(order)),
      onFailed: (siteId, workerPid, reason) =>
        void events.emit('worker.spare-failed', { siteId, workerPid, reason }),
    });
  }

  /** For workers that are started from now on. */
  configure({ limits, bootMaxCount }: MasterConf): void {
    this.#headMaxBytes = limits.headMaxBytes;
    this.boots.setMaxCount(bootMaxCount ?? BOOT_MAX_COUNT);
  }

  /** The directory of a site, made if it is missing. @throws {VhostError} ERR_SITE_DIR. */
  directoryOf(conf: Pick<SiteConf, 'siteId' | 'runAs'>): string {
    return this.#directories.of(conf);
  }

  keepSpares(order: WorkerOrder, count: number): void {
    const { conf, site } = order;
    const isPossible =
      conf.interpreter === undefined && this.linkType === 'pipe' && earlyOptionOf(order) === undefined;
    this.#spares.keep({ siteId: site.siteId, order, count: isPossible ? count : 0 });
  }

  endSpares(siteId: string): void {
    this.#spares.end(siteId);
  }

  spareCountOf(siteId: string): number {
    return this.#spares.countOf(siteId);
  }

  /** All that a process is started with; other files and another directory may have those names by now. */
  #spareKeyOf(order: WorkerOrder): string {
    const { conf, release, variables } = order;
    const { cpuLen: _cpuLen, warm: _warm, ...rest } = conf;
    const { NODE_EXTRA_CA_CERTS: certificates } = startVariablesOf(order);
    const names = [process.execPath, ...(certificates === undefined ? [] : [certificates])];
    const files = names.map((file) => fileMark(path.resolve(release.cwd, file)));
    const told = [rest, release, variables, this.#headMaxBytes, this.linkType, this.batches ?? ''];
    // Of each path that is allowed they have the one, too, to which links in it lead.
    const permissions = permissionArgs({ conf, release, preload: this.#preload, siteDir: undefined });
    return JSON.stringify([...told, directoryMark(release.cwd), files, permissions]);
  }

  forget(siteId: string): void {
    this.#spares.end(siteId);
    this.#directories.remove(siteId);
  }

  check(conf: SiteConf): void {
    const refused =
      checkTrust(conf, this.linkType) ?? checkPrograms(conf) ?? this.#suspects.refusal(conf.siteId);
    if (refused !== undefined) throw refused;
  }

  spawn(order: WorkerOrder): SpawnedWorker {
    const { conf, site } = order;
    const launch = this.#launchOf(order);
    const process =
      conf.interpreter === undefined
        ? new WorkerProcess(
            launch,
            site.ingress,
            this.#acceptor,
            this.#events,
            this.#spares.take(site.siteId, order),
          )
        : new ProgramProcess(launch);
    process.once('tried-node', () => {
      this.#triedNodes.add(site);
    });
    site.logs.attach(process, site.readingShare);
    this.emit('spawned', process);
    return process;
  }

  /** @throws {Error} what {@link check} throws. */
  #launchOf(order: WorkerOrder): WorkerLaunch {
    const { conf, site, release, variables } = order;
    this.check(conf);
    const siteGroup = this.#groupOf(conf);
    site.readingShare.watch ??= this.#suspects.watch(site.siteId);
    return {
      conf,
      release,
      variables,
      identity: this.#identityOf(order),
      directory: this.#directories.of(conf),
      linkType: this.linkType,
      batches: this.batches,
      preload: this.#preload,
      headMaxBytes: this.#headMaxBytes,
      readingShare: site.readingShare,
      groups: this.#groups,
      siteGroup,
      groupOf: (pid: number | undefined) => this.siteGroups.of(siteGroup, pid, conf.limits),
    };
  }

  /** Where its workers make their control groups. @throws {VhostError} ERR_SITE_PROGRAM: its `limits` need a program. */
  #groupOf(conf: SiteConf): string | undefined {
    const siteGroup = this.siteGroups.enter(conf);
    if (siteGroup === undefined) return undefined;
    const refused = checkPrograms(conf, undefined, siteGroup);
    if (refused === undefined) return siteGroup;
    if (conf.limits !== undefined) throw refused;
    return undefined;
  }

  /** For port 0 the one that was found, which the app is told as its own. */
  #foundPortOf(conf: SiteConf): Pick<WorkerIdentity, 'foundPort'> {
    const foundPort = conf.listen[0]?.port === 0 ? this.#acceptor.firstPortOf(conf) : undefined;
    return foundPort === undefined ? {} : { foundPort };
  }

  #identityOf({ site, conf, slot, generation }: WorkerOrder): WorkerIdentity {
    const { siteId } = site;
    return {
      workerId: `${siteId}/${(this.#spawnedCount += 1)}`,
      siteId,
      slot,
      generation,
      listen: conf.listen.map((entry) => ({ ...entry })),
      defaultListen: conf.defaultListen,
      ...this.#foundPortOf(conf),
      callTimeoutMs: conf.callTimeoutMs,
      drainTimeoutMs: conf.drainTimeoutMs,
      stopTimeoutMs: conf.stopTimeoutMs,
      waitReady: conf.waitReady,
      ...(conf.stopSignal === undefined ? {} : { stopSignal: conf.stopSignal }),
      ...(this.#acceptor.health.path === undefined ? {} : { healthPath: this.#acceptor.health.path }),
      ...(conf.server ? {} : { server: false as const }),
      ...(isFenced(conf) ? { fenced: true as const } : {}),
      measures: this.measures,
      ...(conf.idleFreezeMs === undefined ? {} : { freezes: true as const }),
      ...(this.#triedNodes.has(site) ? { triedNode: process.version } : {}),
      ...(conf.appPort === undefined ? {} : { appPort: conf.appPort }),
      ...(conf.accessLog === undefined
        ? {}
        : { accessLog: conf.accessLog, accessLogFormat: conf.accessLogFormat }),
    };
  }
}

/** Boots at a time where the conf says nothing. */
const BOOT_MAX_COUNT = availableParallelism() * 2;
