// The resolved conf: what the rest of the master reads once a conf is known to be right. Paths are absolute,
// durations are whole milliseconds, sizes are bytes, host patterns and IP literals are in their normal form.
import type { VariableSource } from './fields.js';

/** Bounds of a log file. */
export interface LogRotation {
  /** A file that would grow beyond this is rotated. */
  readonly maxBytes: number;
  /** Files that are kept beside the one that is written to: `FILE.1`, the newest, to `FILE.N`. */
  readonly keepCount: number;
  /** A file is also rotated with the first line behind each multiple of this since 1970, UTC. Absent: by size alone. */
  readonly intervalMs?: number;
  /** Files that were written to longer ago are removed, when the log is opened or rotated. Absent: none is. */
  readonly maxAgeMs?: number;
  /** Whether all but `FILE.1` are compressed, as `FILE.2.gz`: a program that has not noticed may still write to that one. */
  readonly compress?: boolean;
}

/** One address that a site is served on, and the host it answers for there. */
export interface ListenEntry {
  /** `tcp`: HTTP/1 in clear. `ssl`: TLS, routed by SNI and decrypted in the worker. */
  readonly type: 'tcp' | 'ssl';
  /** Normalized host pattern. Absent: this entry is the default of its address. */
  readonly host?: string;
  /** 0..65535; 0 lets the kernel choose. */
  readonly port: number;
  /** IP literal in its canonical form. Absent: all addresses. */
  readonly ipaddress?: string;
  /** Path or PEM text, as it was written: only the worker reads it. */
  readonly key?: string;
  /** Path or PEM text, as it was written: only the worker reads it. */
  readonly cert?: string;
  /** Passphrase of `key`, as it was written. */
  readonly passphrase?: string;
  /** The oldest version of TLS that is spoken. Absent: Node's default. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Whether clients must show a certificate that `ca` has signed. */
  readonly requestCert?: boolean;
  /** Path or PEM text, as it was written: only the worker reads it. */
  readonly ca?: string;
  /** Requests in clear are sent on to HTTPS. */
  readonly redirect?: 'https';
  /** The site has the address alone, and its workers accept there by themselves. */
  readonly accept?: 'direct';
}

/** Peers of an address that speak the PROXY protocol there. */
export interface ProxySource {
  readonly type: ListenEntry['type'];
  readonly port: number;
  readonly ipaddress?: string;
  /** Canonical IP literals with the length of a prefix, such as `10.0.0.0/8`. */
  readonly ranges: readonly string[];
}

/** How long a client may take for its first head at an address. */
export interface HeadTimeout {
  readonly type: ListenEntry['type'];
  readonly port: number;
  readonly ipaddress?: string;
  readonly limitMs: number;
}

/** How a worker process is started. */
export interface WorkerOptions {
  readonly execArgv: readonly string[];
  /** Variables added to the worker's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose values are read at each generation. Absent: none. */
  readonly envFrom?: Readonly<Record<string, VariableSource>>;
  /** Absolute working directory. */
  readonly cwd: string;
  /** Names of the master's variables that a worker gets, or their beginnings with `*`. */
  readonly inheritEnv: readonly string[];
  /** A worker that runs as another user than the master can gain no rights. */
  readonly noNewPrivileges: boolean;
  /** Most descriptors. Absent: as the master's, as with those that follow. */
  readonly nofile?: number;
  /** Most processes and threads of the user. */
  readonly nproc?: number;
  /** Largest core file, bytes. */
  readonly core?: number;
  /** Added to the niceness that vhostd was started with. */
  readonly nice?: number;
  /** -1000..1000, see proc(5). */
  readonly oomScoreAdjust?: number;
}

/** Whom workers run as. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  /** Absent where the machine has no account of that id. */
  readonly name?: string;
  readonly home: string;
  readonly shell?: string;
}

/** Ports `from`..`to`, both included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** What a site's workers may ask for in `updateServerConf`. An absent field allows anything. */
export interface Allowance {
  /** Normalized host patterns; a wildcard covers what it matches. */
  readonly hosts?: readonly string[];
  readonly ports?: readonly PortRange[];
  /** Canonical IP literals; `::` covers every address, `0.0.0.0` every IPv4 address. */
  readonly ipaddresses?: readonly string[];
  readonly cpuLen?: number;
  /** Most addresses, each a type, an IP address and a port. Absent: 64. */
  readonly listenerMaxCount?: number;
  /** Most hosts, each counted once. Absent: 10 000. */
  readonly hostMaxCount?: number;
  /**
   * Whether workers may make their site a default, be it by `defaultListen` or by a listen entry without a
   * host. Derived: true unless `hosts` restricts the site and its own conf does not set `defaultListen`.
   */
  readonly defaultListen: boolean;
}

/** How often a worker may be restarted and how long to wait before it is. */
export interface RestartConf {
  /** Restarts tolerated within `periodMs`; one more and the slot is given up. */
  readonly intensity: number;
  readonly periodMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

/** How a worker is picked for a connection. */
export type BalanceName = 'least' | 'round-robin' | 'ip-hash';

/** Sticky by a cookie of this name; `otherwise` is for connections without it. */
export interface CookieRule {
  readonly cookie: string;
  readonly otherwise: BalanceName;
}

export type BalanceRule = BalanceName | CookieRule;

/** A time that comes again and again. */
export interface CronRule {
  /** Five fields, or six with seconds in front, or a name such as `@daily`. */
  readonly pattern: string;
  /** Of the IANA database. Absent: the machine's. */
  readonly timeZone?: string;
}

/** Everything that the master knows of a site before its workers speak. */
export interface SiteConf {
  readonly siteId: string;
  /** Absolute path of the site's directory. */
  readonly path: string;
  /** Absolute path of what a worker runs. */
  readonly workerFile: string;
  /** What runs it, be it said by the conf or by the file: a name, an absolute path, or `none` for nothing. Absent: Node. */
  readonly interpreter?: string;
  readonly workerArgs: readonly string[];
  readonly workerOptions: WorkerOptions;
  /** Absolute path of a file with variables, which is read at each generation. Absent: none. */
  readonly envFile?: string;
  /** Absent: as the master. */
  readonly runAs?: RunAs;
  /** The port of the server that is the site's. Absent: the first HTTP server that listens is. */
  readonly appPort?: number;
  /** Its app has a server, whose connections are the site's. False: a queue worker, a bot, a job. */
  readonly server: boolean;
  /** A worker that ends is started again. False: a job, which is done when it ends with exit code 0. */
  readonly autorestart: boolean;
  /** When the job is run, or the workers are replaced. Absent: at no certain time. */
  readonly cron?: CronRule;
  /**
   * Number of workers, 0..1024; 0: one, while anybody is connected. Absent: the worker's `updateServerConf` decides, else
   * the number of CPUs, or 1 without a server.
   */
  readonly cpuLen?: number;
  /** Sites that must be published before a worker of this one is started. */
  readonly dependencies: readonly string[];
  readonly listen: readonly ListenEntry[];
  /** The `proxyProtocol` of `listen`: only the operator says it, so what workers change of `listen` leaves it alone. */
  readonly proxySources?: readonly ProxySource[];
  /** The `headTimeout` of `listen`, likewise. */
  readonly headTimeouts?: readonly HeadTimeout[];
  /** The site is the default on all its addresses. */
  readonly defaultListen: boolean;
  readonly logOutput?: string;
  readonly logError?: string;
  readonly logAll?: string;
  readonly allow: Allowance;
  /** What all its workers may take together, by its control group. Absent: it has none. */
  readonly limits?: SiteLimits;
  /** What its code may do, held by Node's permission model. Absent: anything that its user may. */
  readonly permissions?: SitePermissions;
  /** Its code may be run where the master can't be protected from it. */
  readonly trusted: boolean;
  readonly balance: BalanceRule;
  /** What changes in its directory is reloaded. */
  readonly watch: boolean;
  /** A worker is ready only when its app has said so. */
  readonly waitReady: boolean;
  /** What tells the app that it is to end: a signal, or PM2's message. Absent: the signal that it listens for. */
  readonly stopSignal?: 'SIGINT' | 'SIGTERM' | 'shutdown';
  /** Variable with the number of a worker's slot. */
  readonly instanceVar: string;
  readonly bootTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** How long the first new worker of a reload must live before it takes over. */
  readonly settleTimeMs: number;
  readonly callTimeoutMs: number;
  readonly parkMaxCount: number;
  readonly parkTimeoutMs: number;
  /** Time without a request after which the workers stand still. Absent: never. */
  readonly idleFreezeMs?: number;
  /** Time without a connection after which the workers are stopped. Absent: never, unless `cpuLen` is 0. */
  readonly idleStopMs?: number;
  /** Processes that wait to be a worker. Absent: none. */
  readonly warm?: number;
  /** Whether Node keeps what it has compiled of the code. */
  readonly compileCache: boolean;
  /** Absolute. */
  readonly accessLog?: string;
  readonly accessLogFormat: 'combined' | 'json';
  readonly logFormat: 'plain' | 'prefix' | 'json';
  /** Absent: others rotate the files that the conf names. */
  readonly logRotate?: LogRotation;
  /** Absolute path of the page for a maintenance. */
  readonly maintenancePage?: string;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatLimitMs: number;
  readonly restart: RestartConf;
  /** Resident memory above which a worker is replaced. Absent: no limit, as with those that follow. */
  readonly memoryLimitBytes?: number;
  /** Age at which a worker is replaced. */
  readonly maxAgeMs?: number;
  /** Requests after which a worker is replaced. */
  readonly maxRequests?: number;
}

/** What a site's code may do beside reading what it is made of. */
export interface SitePermissions {
  /** Absolute paths of files and directories. */
  readonly read: readonly string[];
  /** Absolute paths; they may be read, too. */
  readonly write: readonly string[];
  readonly childProcess: boolean;
  readonly workerThreads: boolean;
  readonly addons: boolean;
}

/** What the workers of a site, and all that they start, may take together. An absent field: no bound. */
export interface SiteLimits {
  /** Bytes at which the kernel ends one of its processes. */
  readonly memory?: number;
  /** Bytes above which its processes are slowed down, and memory is taken back. Absent: nine tenths of `memory`. */
  readonly memoryHigh?: number;
  /** CPUs. */
  readonly cpu?: number;
  /** Its part of them beside other sites, where all want them; that of a site without is 100, vhostd's own 1000. */
  readonly cpuWeight?: number;
  /** Processes and threads. */
  readonly pids?: number;
}

/** Bounds on what a connection may cost before it is routed. */
export interface Limits {
  readonly headTimeoutMs: number;
  readonly headMaxBytes: number;
  readonly helloMaxBytes: number;
  readonly peekMaxCount: number;
  /** Of all of them together. */
  readonly peekMaxBytes: number;
  /** Of clients of one address. An absent field: no bound. */
  readonly perAddress: { readonly newPerSecond?: number; readonly open?: number };
}

/** The levels of pino, from the most to the least talkative. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The master's own log. */
export interface LogConf {
  /** Absent: others rotate the file. */
  readonly rotate?: LogRotation;
  readonly level: LogLevel;
  /** Absolute path. Absent: standard error. */
  readonly file?: string;
  /** Whoever began this tells of broken code in words of its own: lines of that are `info` at most. Absent: false. */
  readonly quietOnBroken?: boolean;
}

/** The transport by which a connection reaches its worker. */
export type HandoffName = 'auto' | 'native' | 'pipe' | 'ipc';

/** The authority that issues certificates with `"cert": "auto"`, and the account there. */
export interface AcmeConf {
  /** URL of its directory. */
  readonly directory: string;
  readonly email?: string;
  /** Absolute path of a PEM file that its server is trusted by, beside the usual ones. */
  readonly ca?: string;
  readonly agree: boolean;
  /** One of those that its directory names. */
  readonly profile?: string;
  readonly eab?: { readonly kid: string; readonly key: string };
}

/** Where metrics are. */
export interface MetricsConf {
  /** Absent: only on the control socket. */
  readonly port?: number;
  readonly ipaddress: string;
  readonly otlp?: OtlpConf;
}

/** The collector that metrics are sent to. */
export interface OtlpConf {
  readonly endpoint: string;
  readonly intervalMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** The fleet that this machine publishes its sites in. */
export interface FleetConf {
  /** `traefik`: with the keys that Traefik reads. */
  readonly driver: 'etcd' | 'traefik';
  /** URLs of members of the store. */
  readonly endpoints: readonly string[];
  /** What this machine is called there. */
  readonly machine: string;
  /** IP address at which others reach this machine, in its canonical form. */
  readonly address: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** Its share of the clients, beside those of the other machines. */
  readonly weight: number;
  /** How long what is about to stop waits for edges that have not applied it. */
  readonly edgeTimeoutMs: number;
  readonly user?: string;
  readonly password?: string;
  /** Absolute paths of PEM files. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The conf of a whole master. */
export interface MasterConf {
  /** No two share a `siteId`. At least one if the conf comes from a file. */
  readonly sites: readonly SiteConf[];
  readonly log: LogConf;
  readonly limits: Limits;
  /** Length of a listener's accept queue that the kernel is asked for. */
  readonly backlog: number;
  /** Workers that boot at a time. Absent: two for each CPU. */
  readonly bootMaxCount?: number;
  readonly handoff: HandoffName;
  /** The path that clear listeners answer by themselves. Absent: none. */
  readonly healthPath?: string;
  /** How long new connections are served after a stop has been asked for. */
  readonly stopDelayMs: number;
  /** Absent: no certificates are asked for. */
  readonly acme?: AcmeConf;
  /** Absent: workers measure nothing. */
  readonly metrics?: MetricsConf;
  /** Absent: this machine stands alone. */
  readonly fleet?: FleetConf;
}

/** What a worker may change of its site while it runs. An absent field leaves things as they are. */
export interface ServerConfUpdate {
  readonly defaultListen?: boolean;
  /** Without `key`, `cert` and `passphrase`, which never reach the master from a worker. */
  readonly listen?: readonly ListenEntry[];
  readonly cpuLen?: number;
}

/** Where a conf comes from: for its messages and for what its paths are relative to. */
export interface ConfSource {
  /** The conf file. Absent: the conf was passed by a program. */
  readonly file?: string;
  /** What a relative `path` or `log.file` is relative to. */
  readonly baseDir: string;
}
