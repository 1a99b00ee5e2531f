// Everything that happens in a master and that somebody else may want to know: log, counts, the daemon, the code that
// runs the master. Parts emit; nobody's work depends on who listens. docs/events.md says when each is emitted.
import type {
  AccessLogStats,
  CertificateFacts,
  FailedCertificate,
  IssuedCertificate,
  ListeningInfo,
  MaintenanceResult,
  OtherServer,
  PauseResult,
  ResumeResult,
  WireError,
  WorkerRefusal,
  WorkerStats,
} from '@vhostd/protocol';
import { EventEmitter } from 'eventemitter3';
import type { Release } from './conf/release.js';
import type { MasterConf, SiteConf } from './conf/site-conf.js';

/** One process of a worker. */
export interface WorkerFields {
  readonly siteId: string;
  readonly workerId: string;
  readonly workerPid: number | undefined;
  readonly generation: number;
}

/** A certificate of a site, in the words of its `ssl` entry. */
interface CertificateFields {
  readonly siteId: string;
  readonly host?: string;
  readonly file?: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
}

/** What is about to stop on this machine: sites as a whole, or hosts of sites that serve on; with neither, all of it. */
export interface DrainedParts {
  readonly siteIds?: readonly string[];
  readonly hosts?: readonly string[];
}

/** A site that could not be published, and why. */
export interface SiteFailure {
  readonly siteId: string;
  readonly error: WireError;
}

/** How a worker gets on with its access log, and where its conf has that. */
export type AccessLogFields = AccessLogStats & { readonly file: string };

/** Each event with its payload. */
export interface EventPayloads {
  /** A conf has been put into force for all that is opened or started from now on. */
  'conf.applied': { readonly conf: MasterConf };
  /** How connections travel to workers and back has been chosen; `reason`: why not as wished. */
  'handoff.chosen': {
    readonly type: 'native' | 'pipe' | 'ipc';
    readonly handsBack: boolean;
    readonly proved?: true;
    readonly reason?: string;
  };

  /** Log files are written to by the names that they have now; `file` is the master's own, null for standard error. */
  'logs.reopened': { readonly file: string | null };
  /** A log file can't be written at present: it is tried again and again. `code`: the system's. */
  'log.failed': { readonly file: string; readonly code: string };

  /** There is another certificate that vhostd keeps, and the sites have it. Times are ISO 8601. */
  'certificate.issued': IssuedCertificate;
  /** One could not be had, or not be given to a site; what was there stays. */
  'certificate.failed': FailedCertificate;
  /** The process that keeps certificates ended, or can't be started; it is started again. */
  'certificates.exited': { readonly message: string };

  /** The process that watches files ended, or can't be started; it is started again. */
  'watcher.exited': { readonly message: string };

  /** What the fleet is to know of this machine is in its store. */
  'fleet.connected': { readonly endpoint: string; readonly lease: string };
  /** The store does not answer, or has forgotten this machine: it is tried again and again. */
  'fleet.lost': { readonly message: string };
  /** The fleet leads nobody to these sites or hosts any more, or to none; `late`: edges that may still. */
  'fleet.drained': DrainedParts & { readonly late: readonly string[] };
  /** The fleet could not be told that they are about to stop: they stop all the same. */
  'fleet.drain-failed': DrainedParts & { readonly message: string };
  /** An operator has taken this machine out; `late`: edges that may lead clients here still. */
  'fleet.machine-drained': { readonly machine: string; readonly late: readonly string[] };
  /** An operator has brought it back; `late`: edges that may lead nobody here yet. */
  'fleet.machine-resumed': { readonly machine: string; readonly late: readonly string[] };
  /** Sites of the fleet that sites here wait for, and that are up; `error`: why that may be out of date. */
  'fleet.sites': { readonly siteIds: readonly string[]; readonly error?: string };
  /** Sites of the fleet that sites here wait for. */
  'fleet.sites-wanted': { readonly siteIds: readonly string[] };
  /** The process that publishes ended, or can't be started; it is started again. */
  'fleet.exited': { readonly message: string };

  /** A listening socket accepts connections. */
  'listener.opened': ListeningInfo;
  /** One that accepted has been closed. */
  'listener.closed': ListeningInfo;
  /** One failed after it had been opened, or could not accept. */
  'listener.failed': { readonly key: string; readonly error: Error };
  /** The system could not accept a connection: mostly, this process is out of descriptors. */
  'listener.accept-failed': { readonly key: string; readonly errno: number };

  /** No connection is accepted: descriptors are short. Who connects waits in the kernel's queue. */
  'listeners.paused': object;
  /** Connections are accepted again. */
  'listeners.resumed': { readonly pausedMs: number };

  /** A collector did not take metrics; it is tried again, which is reported once it works. */
  'metrics.push-failed': { readonly endpoint: string; readonly message: string };
  /** It takes them again. */
  'metrics.push-resumed': { readonly endpoint: string; readonly failureCount: number };

  /** A connection has been accepted. `key` names its listener, `secure` says whether that speaks TLS. */
  'connection.accepted': { readonly key: string; readonly secure: boolean };
  /** A connection was ended without a worker. */
  'connection.refused': { readonly key: string; readonly status: number; readonly reason: string };
  /** A request in clear was answered with the address of its host with TLS. */
  'connection.redirected': { readonly key: string; readonly host: string };
  /** Its client left while it waited for a worker; it was not served. `host`: what it asked for. */
  'connection.left': { readonly key: string; readonly host: string | null };
  /** A worker has confirmed connections that it was given. */
  'connection.handed-off': { readonly siteId: string; readonly workerId: string; readonly count: number };
  /** A worker has accepted so many by itself, on an address of the site alone. */
  'connection.accepted-directly': {
    readonly siteId: string;
    readonly workerId: string;
    readonly count: number;
  };
  /** A connection is given once more: its worker died before it confirmed it, or had no descriptor left for it. */
  'connection.redispatched': {
    readonly siteId: string;
    readonly workerId: string;
    readonly why: 'unconfirmed' | 'retracted' | 'lost';
  };
  /** A draining worker has handed an idle connection back. */
  'connection.handed-back': { readonly siteId: string; readonly workerId: string };

  /**
   * There is a process. `leaveLimitMs`: how long it may take to leave once it is told to. `stopSignal`: what tells it
   * where it has no link.
   */
  'worker.spawned': WorkerFields & {
    readonly leaveLimitMs: number;
    readonly stopSignal?: 'SIGINT' | 'SIGTERM';
  };
  /** The system starts no process. */
  'worker.spawn-failed': {
    readonly siteId: string;
    readonly slot: number;
    readonly generation: number;
    readonly reason: string;
  };
  /** A process that waited to be a worker has ended unused, or could not be started. */
  'worker.spare-failed': {
    readonly siteId: string;
    readonly workerPid: number | undefined;
    readonly reason: string;
  };
  /** It may be given connections. */
  'worker.ready': WorkerFields;
  /** It has answered a ping. */
  'worker.stats': WorkerFields &
    Omit<WorkerStats, 'refused'> & { readonly connectionCount: number; readonly accessLog?: AccessLogFields };
  /** It has refused so many more requests for a reason, as it tells with its answer to a ping. */
  'worker.refused': WorkerFields & {
    readonly status: number;
    readonly reason: WorkerRefusal;
    readonly count: number;
  };
  /** A server of its process listens that is not the site's. `hint`: what the conf should say. */
  'worker.also-listens': WorkerFields & OtherServer & { readonly hint?: string };
  /** It has told which certificates it serves. */
  'worker.certificates': WorkerFields & { readonly certificates: readonly CertificateFacts[] };
  /** It broke the rules of its link, and is killed. */
  'worker.violation': WorkerFields & { readonly detail: string };
  /** Another one, `by`, serves in its place. */
  'worker.replaced': WorkerFields & { readonly by: string; readonly reason: string };
  /** The one that was to serve in its place did not come up; it serves on. */
  'worker.replacement-failed': WorkerFields & {
    readonly by: string;
    readonly reason: string;
    readonly message: string;
  };
  /**
   * Its process has ended. `asked`: it was asked to leave. `expected`: and left as it was asked. `what`: it ended by
   * itself, was not ready in time, or was ended for what `reason` says.
   */
  'worker.exited': WorkerFields & {
    readonly what: 'exit' | 'boot-limit' | 'failed';
    readonly asked: boolean;
    readonly expected: boolean;
    readonly reason: string;
    readonly code?: string;
    readonly message?: string;
  };

  /** One step of a site's state; `from` and `to` may be the same. */
  'site.state': {
    readonly siteId: string;
    readonly from: string;
    readonly event: string;
    readonly to: string;
  };
  /** Workers may be given connections, or what a site that serves is reached by has changed. */
  'site.published': {
    readonly siteId: string;
    readonly generation: number;
    readonly hosts: readonly string[];
    readonly addresses: readonly string[];
  };
  /** A site that was published has no worker that may be given a connection. */
  'site.withdrawn': { readonly siteId: string };
  /** What a site serves with, or is to serve with at first. */
  'site.served': {
    readonly conf: SiteConf;
    readonly generation: number;
    readonly release?: Release;
    /** It is a job, which is done. */
    readonly finished?: true;
  };
  /** A site could not be published. */
  'site.failed': SiteFailure;
  /** The kernel does not hold what the conf's `limits` say; told again only where the reason is another one. */
  'site.limits-unheld': { readonly siteId: string; readonly reason: string };
  /** All workers of a site are given up. */
  'site.given-up': SiteFailure;
  /** A reload has published a new generation. */
  'site.reloaded': { readonly siteId: string; readonly generation: number };
  /** A reload was discarded. */
  'site.reload.failed': { readonly siteId: string; readonly generation: number; readonly error: WireError };
  /** A cold restart has replaced all workers. */
  'site.restarted': { readonly siteId: string; readonly generation: number };
  /** A cold restart did not bring the site up. */
  'site.restart.failed': { readonly siteId: string; readonly generation: number; readonly error: WireError };
  /** Nobody has been connected for the site's limit: its workers leave. */
  'site.idle': { readonly siteId: string };
  /** An idle site is started. */
  'site.woken': { readonly siteId: string };
  /** There was no request for the site's limit: its workers stand still. */
  'site.frozen': { readonly siteId: string };
  /** They go on, after so long, ms. */
  'site.thawed': { readonly siteId: string; readonly frozenMs: number };
  /** The time of its `cron` has come. */
  'site.due': { readonly siteId: string };
  /** At that time its job is run, or its workers are replaced. */
  'site.cron': { readonly siteId: string; readonly does: 'run' | 'reload' };
  /** At that time nothing is done, for this reason. */
  'site.cron.skipped': { readonly siteId: string; readonly reason: string };
  /** A site serves a certificate that it did not serve before. */
  'certificate.used': CertificateFields & { readonly issuer: string; readonly fingerprint: string };
  /** Less than a third of its life is left, and no other one has come. */
  'certificate.due': CertificateFields & { readonly message: string };
  /** Its life is over. */
  'certificate.expired': CertificateFields & { readonly message: string };
  /** What is in its files can't be used, or clients will refuse it. */
  'certificate.fault': CertificateFields & { readonly code?: string; readonly message: string };
  /** So many of its files are watched. */
  'site.watched': { readonly siteId: string; readonly count: number };
  /** So many of its files have changed; `files`: the first of them. It is reloaded. */
  'site.changed': { readonly siteId: string; readonly files: readonly string[]; readonly count: number };
  /** Something of it is not watched as it should be. */
  'site.watch-problem': { readonly siteId: string; readonly code: string; readonly message: string };
  /** A watched site does not serve what is on disk. */
  'site.broken': { readonly siteId: string; readonly message: string };
  /** It does again. */
  'site.mended': { readonly siteId: string };
  /** An operator stops a site: nothing leads to it, its workers leave. */
  'site.stopped': { readonly siteId: string };
  /** An operator has started one that was stopped. */
  'site.started': { readonly siteId: string };
  /** An operator wants another number of workers. */
  'site.scaled': { readonly siteId: string; readonly before: number; readonly workers: number };
  /** An operator has sent a signal to the workers of a site. */
  'site.signalled': { readonly siteId: string; readonly signal: string; readonly workers: number };
  /** An operator has emptied log files. */
  'logs.flushed': { readonly files: readonly string[] };
  /** An operator has added a site. */
  'site.added': { readonly siteId: string };
  /** An added site is not served: what the conf says goes first, or the site is wrong by now. */
  'site.left-out': { readonly siteId: string; readonly message: string };
  /** What operators had ordered before can't be read: confs alone say what runs. */
  'sites.desired-unreadable': { readonly message: string };
  /** New connections of a site are held. */
  'site.paused': PauseResult;
  /** They are not held any more. */
  'site.resumed': ResumeResult;
  /** A site's maintenance has begun or ended. */
  'site.maintenance': MaintenanceResult;
  /** A site is not wanted any more; its workers may still drain. */
  'site.removed': { readonly siteId: string };
  /** Every site has been published, or has failed; once more when the last one that had failed is published. */
  'sites.loaded': { readonly failures: readonly SiteFailure[] };
}

export type EventName = keyof EventPayloads;

/** The one emitter of a master. */
export class MasterEvents extends EventEmitter<{ [Name in EventName]: [payload: EventPayloads[Name]] }> {}
