// How the workers of all sites are started: what each is told, what becomes of what it prints, by which link it is
// reached.
import { availableParallelism } from 'node:os';
import type { LinkType, WorkerIdentity } from '@vhostd/protocol';
import type { ReadingShare } from '@vhostd/transport';
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
import { ProcessGroups } from './process-groups.js';
import { SiteDirectories } from './site-directories.js';
import { SiteGroups } from './site-groups.js';
import type { Suspects } from './suspects.js';
import { preloadFile } from './worker-files.js';
import { ProgramProcess } from './program-process.js';
import { WorkerProcess } from './worker-process.js';
import type { SpawnedWorker } from './worker-process.js';

/** The site that a worker is of. */
export interface WorkerSite {
  readonly siteId: string;
  readonly ingress: Ingress;
  /** Where what a worker prints goes that is started now. */
  readonly logs: SiteLogs;
  /** What reading from all of its workers may cost. */
  readonly readingShare: ReadingShare;
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
  /** No site of this id is there any more, nor any worker of one: what was kept for its workers goes. */
  forget(siteId: string): void;
}

export class WorkerSpawner extends EventEmitter<{ spawned: [process: SpawnedWorker] }> implements Spawner {
  /** How workers are reached that are started from now on. */
  linkType: LinkType = 'pipe';
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
  #headMaxBytes: number;
  #spawnedCount = 0;

  constructor(acceptor: Acceptor, limits: Limits, events: MasterEvents, suspects: Suspects) {
    super();
    this.#suspects = suspects;
    this.#acceptor = acceptor;
    this.#events = events;
    this.siteGroups = SiteGroups.ofProcess(events);
    this.#headMaxBytes = limits.headMaxBytes;
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

  forget(siteId: string): void {
    this.#directories.remove(siteId);
  }

  check(conf: SiteConf): void {
    const refused =
      checkTrust(conf, this.linkType) ?? checkPrograms(conf) ?? this.#suspects.refusal(conf.siteId);
    if (refused !== undefined) throw refused;
  }

  spawn(order: WorkerOrder): SpawnedWorker {
    const { conf, site, release, variables } = order;
    this.check(conf);
    const siteGroup = this.siteGroups.enter(conf);
    const refused = siteGroup === undefined ? undefined : checkPrograms(conf, undefined, siteGroup);
    if (refused !== undefined) throw refused;
    const launch = {
      conf,
      release,
      variables,
      identity: this.#identityOf(order),
      directory: this.#directories.of(conf),
      linkType: this.linkType,
      preload: this.#preload,
      headMaxBytes: this.#headMaxBytes,
      readingShare: site.readingShare,
      groups: this.#groups,
      siteGroup,
      groupOf: (pid: number | undefined) => this.siteGroups.of(siteGroup, pid),
    };
    site.readingShare.watch ??= this.#suspects.watch(site.siteId);
    const process =
      conf.interpreter === undefined
        ? new WorkerProcess(launch, site.ingress, this.#acceptor, this.#events)
        : new ProgramProcess(launch);
    site.logs.attach(process, site.readingShare);
    this.emit('spawned', process);
    return process;
  }

  /** For port 0 the one that was found, which the app is told as its own. */
  #foundPortOf(conf: SiteConf): Pick<WorkerIdentity, 'foundPort'> {
    const foundPort = conf.listen[0]?.port === 0 ? this.#acceptor.firstPortOf(conf) : undefined;
    return foundPort === undefined ? {} : { foundPort };
  }

  #identityOf({ site: { siteId }, conf, slot, generation }: WorkerOrder): WorkerIdentity {
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
      ...(conf.appPort === undefined ? {} : { appPort: conf.appPort }),
      ...(conf.accessLog === undefined
        ? {}
        : { accessLog: conf.accessLog, accessLogFormat: conf.accessLogFormat }),
    };
  }
}

/** Boots at a time where the conf says nothing. */
const BOOT_MAX_COUNT = availableParallelism() * 2;
