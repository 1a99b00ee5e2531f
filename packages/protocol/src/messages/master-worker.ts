// What master and worker say to each other. The master takes nothing of it on trust.
import type { WireError } from '../errors.js';
import type { Call } from './call.js';
import type { CertificateFacts } from './certificate-facts.js';
import type { ListeningInfo } from './listening-info.js';
import type { RefusalCounts } from './worker-refusals.js';

/** The environment variable with a worker's {@link WorkerIdentity} as JSON; removed when read. */
export const WORKER_VARIABLE = 'VHOSTD_WORKER';

/** What is in its place where the worker is a spare: it waits for its {@link WorkerBegin}. */
export const SPARE_WORKER = 'spare';

/** What a spare is to be. */
export interface WorkerBegin {
  identity: WorkerIdentity;
  /** Variables of its environment that were not known when it was started. */
  variables: Record<string, string>;
}

/** Who a worker is: what it is told when it is forked. */
export interface WorkerIdentity {
  workerId: string;
  siteId: string;
  slot: number;
  generation: number;
  /** A directory that only the site's workers use, of their user and with mode 0700. Absent: they can't reach it. */
  siteDir?: string;
  /** Ways of listening that the conf gives the site; keys and certificates as paths. */
  listen: ListenRequest[];
  defaultListen: boolean;
  /** What port 0 of the first entry came to. */
  foundPort?: number;
  /** Port on which the site's server is the one that listens; absent: see docs/apps.md. */
  appPort?: number;
  /** Absolute path of the access log, which the worker writes; absent: none. */
  accessLog?: string;
  accessLogFormat?: 'combined' | 'json';
  /** False: the app has no server that would be the site's. Absent: it has. */
  server?: false;
  /** Default limit of a call, ms. */
  callTimeoutMs: number;
  /** How long the worker may drain, ms. */
  drainTimeoutMs: number;
  /** How long the app may take to end when it has been told to, ms. */
  stopTimeoutMs: number;
  /** What tells the app that it is to end; absent: the signal that it listens for. */
  stopSignal?: 'SIGINT' | 'SIGTERM' | 'shutdown';
  /** Whether the worker is ready only when its app has said so. */
  waitReady?: boolean;
  /** The path that the master answers by itself, also later on a connection in clear. */
  healthPath?: string;
  /** What it has had goes to no other site: later requests for other hosts are answered 421. */
  fenced?: true;
  /** Whether its {@link WorkerStats} have all that is measured. */
  measures: boolean;
  /** The version of Node that another worker of this site has tried out. */
  triedNode?: string;
  /** Whether it is to know for how long it has been {@link Quiet}. */
  freezes?: true;
}

/** For how long a worker has had nothing to do. */
export interface Quiet {
  /**
   * Since when no request has been open, no connection has come or gone, and no call has been under way, ms; 0 also where
   * a connection is open that can't be handed back.
   */
  quietMs: number;
  /** How long its server keeps a connection between two requests, ms; 0: for ever. */
  keepAliveMs: number;
}

/** What a worker tells of itself with each answer to a ping. */
export interface WorkerStats {
  /** Resident memory of the process, bytes. */
  residentBytes: number;
  /** Requests that its server was given since the process started. */
  requestCount: number;
  /** Processor time of the process, of its code and of the system for it, ms. */
  cpuMs: number;
  /** Only where the worker writes an access log. */
  accessLog?: AccessLogStats;
  /** Requests that it has refused since its process started; absent: none. */
  refused?: RefusalCounts;
  /** Both only with {@link WorkerIdentity.measures}. */
  requests?: RequestStats;
  loopDelay?: LoopDelay;
}

/** How a worker gets on with its access log. */
export interface AccessLogStats {
  /** Lines that were lost since its process started, because the file took none. */
  lostLines: number;
  /** Why the file cannot be written at present. */
  fault?: string;
}

/** The requests of a worker since its process started. */
export interface RequestStats {
  started: number;
  /** Answers that were sent whole, by the class of their status, 1xx to 5xx. */
  answered: number[];
  /** These by their duration: up to 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10 000 ms, and longer. */
  durations: number[];
  /** The sum of the durations, ms. */
  durationMs: number;
}

/** How late the event loop was since the last answer to a ping, ms. */
export interface LoopDelay {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** A server of a worker's process that is not the site's. */
export interface OtherServer {
  protocol: 'http' | 'tcp';
  /** `port 9118 of 127.0.0.1`, `the path /run/admin.sock`. */
  where: string;
  /** It asked for the port of the site's server, and gets no connections. */
  shares: boolean;
}

/** Where a server of an app listens that is not the site's. */
export interface AppPort {
  /** 1 to 65535. */
  port: number;
  /** An IP address. Absent: all addresses. */
  ipaddress?: string;
  /** It is a UDP port. */
  udp?: true;
}

/** Which sites a worker waits for. */
export interface SiteWait {
  siteIds: string[];
  /** How long it waits, ms. */
  timeoutMs: number;
}

/** One way of listening, in the field names of the conf. */
export interface ListenRequest {
  type?: 'tcp' | 'ssl';
  /** Exact host or `*.suffix`; without one, the site is the default of this address. */
  host?: string;
  port: number;
  ipaddress?: string;
  key?: string;
  /** A path or PEM text, or who issues it: a {@link CertificateKind}. */
  cert?: string;
  passphrase?: string;
  /** The oldest version of TLS that is spoken. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Whether clients must show a certificate that `ca` has signed. */
  requestCert?: boolean;
  ca?: string;
  /** Requests are sent on to HTTPS by the master. */
  redirect?: 'https';
  /** The site has the address alone, and its workers accept there by themselves. */
  accept?: 'direct';
}

/** A listener whose connections a worker accepts by itself. */
export interface DirectListener {
  /** Its key, as in the header of a connection. */
  listener: string;
  /** Its clients speak TLS. */
  secure: boolean;
  /** Connections that may wait in its queue. */
  backlog: number;
  /** With so many connections the worker has its share, and rests. Absent: any number. */
  upTo?: number;
}

/** What a worker may change of its site; a field that is absent stays as it is. */
export interface ServerConfUpdate {
  listen?: ListenRequest[];
  defaultListen?: boolean;
  cpuLen?: number;
}

/**
 * Which hosts of one listener lead to a site. As in the router, an exact host goes before the longest `*.suffix`, and
 * that before the default.
 */
export interface HostClaims {
  /** Whether the site has what nobody has: hosts without a pattern, and requests without a host. */
  isDefault: boolean;
  /** The site's own patterns, exact hosts and `*.suffix`. */
  own: string[];
  /** Patterns of other sites that would match as the site's own otherwise. */
  others: string[];
}

/** Claims by the key of their listener, as it stands in a connection's header. */
export type SiteClaims = Record<string, HostClaims>;

/** What answers the requests of a site in maintenance, with status 503. */
export interface MaintenancePage {
  /** The whole page. */
  html: string;
  /** When a client may try again, s: the field Retry-After (RFC 9110 10.2.3). */
  retryAfterSeconds: number;
}

/** Worker → master. */
export type WorkerToMaster = {
  /** The site's server is set; `started` follows. A notice. */
  starting: { params: null; result: null };
  /** A server that is not the site's listens. A notice. */
  listens: { params: OtherServer; result: null };
  /** The site's code has loaded and `started` has resolved: connections may come. */
  ready: { params: { triedNode: string | null }; result: null };
  /** Boot failed; the worker exits after this. A notice. */
  failed: { params: { error: WireError }; result: null };
  /** The site's code waits for nothing more but that it says itself that it is ready. A notice. */
  waits: { params: null; result: null };
  /**
   * It was sent SIGTERM, or its app closed its server, and wants another worker to take its place; then it is told to
   * drain. A notice.
   */
  leaving: { params: { why: 'signal' | 'closed' }; result: null };
  /**
   * It has closed all sockets on which it accepted: it has its `share`, or is `full`, as its server takes no more or its
   * descriptors are short. It is to be sent them again. A notice.
   */
  acceptRests: { params: { why: 'share' | 'full' }; result: null };
  /**
   * Connections may come in batches from now on. True: those that were sent otherwise have been sent before the answer, and
   * no more will be.
   */
  takeBatches: { params: null; result: boolean };
  /** How many connections the site's server takes at a time; null: any number. A notice. */
  maxConnections: { params: { count: number | null }; result: null };
  /** All certificates that its server uses from now on, or those of the entries that come first. A notice. */
  certificates: { params: { certificates: CertificateFacts[] }; result: null };
  /** What the site's code sent with `process.send`. A notice. */
  message: { params: unknown; result: null };
  updateServerConf: { params: ServerConfUpdate; result: { listening: ListeningInfo[] } };
  /** A socket on which a server of the app listens beside the site's own: with the answer comes the bound socket. */
  openPort: { params: AppPort; result: null };
  /** Answered once all of these sites are published at the same time. */
  waitForSites: { params: SiteWait; result: null };
  /** To `master`, `daemon` or a worker's id. A socket may travel along. */
  call: { params: Call & { to: string }; result: unknown };
};

/** Master → worker. */
export type MasterToWorker = {
  /**
   * Takes no new connection from now on, finishes the old ones, runs `stopped`, exits. Answered at once; the
   * end is the process's exit. With `handBack`, other workers of the site take over its idle connections.
   */
  drain: { params: { limitMs: number; handBack: boolean }; result: null };
  /**
   * From now on every request is answered with this page, the site's code sees none; null: the site's code answers
   * again. Rejects with ERR_MAINTENANCE_SERVER where the site's server speaks no HTTP.
   */
  maintenance: { params: MaintenancePage | null; result: null };
  /**
   * Which hosts lead to the site from now on. While that changes there are two: before and after; a host is the
   * site's where all say so. Answered once it is in force: no request that comes later is answered for another one's
   * host.
   */
  hosts: { params: { claims: SiteClaims[] }; result: null };
  /**
   * From now on it accepts the connections of a listener by itself, on the socket that comes along, until it rests or
   * leaves. False: it has no room for any at present.
   */
  accept: { params: DirectListener; result: boolean };
  /** With how many connections it has its share from now on; null: with any number. */
  acceptUpTo: { params: { count: number | null }; result: null };
  /** It accepts those of a listener no more. Answered once it has closed its descriptor. */
  acceptNoMore: { params: { listener: string }; result: null };
  /** `handBack`: the master would take its idle connections. Null: it is not to stand still. */
  quiet: { params: { handBack: boolean }; result: Quiet | null };
  /**
   * It is to stand still: hands its idle connections back. Answered once they are the master's, with how many it has still:
   * with none it may be stopped from then on, and `goOn` follows when it runs again, or is not stopped after all. Null: it is
   * not to be stopped.
   */
  standStill: { params: { handBack: boolean }; result: { connectionCount: number } | null };
  goOn: { params: null; result: null };
  ping: { params: null; result: WorkerStats };
  call: { params: Call; result: unknown };
};
