// What a conf may say of a site: every field, its range and its default. Everything else about them (resolved types,
// JSON Schema, messages, the reference in the docs) follows from here or is tested against it.
import { z } from '@vhostd/protocol/schemas';
import { cron } from './cron.js';
import {
  account,
  choice,
  cookieName,
  duration,
  flag,
  GIGABYTE,
  hostPattern,
  integer,
  ipAddress,
  list,
  MAX_PORT,
  MEGABYTE,
  number,
  object,
  ordered,
  path,
  portRange,
  refusal,
  size,
  text,
  withoutUndefined,
} from './fields.js';
import {
  acceptsAlike,
  hasOneForAddresses,
  listenEntry,
  sameDemands,
  termsOf,
  updateEntry,
  withoutTerms,
} from './listen-schema.js';
import { logRotate } from './log-schema.js';
import { isOff, isProgram, isServerless, ofNode, ofServer, ofService } from './refinements.js';
import type { Allowance, ServerConfUpdate, SiteConf } from './site-conf.js';
import { workerOptions } from './worker-options-schema.js';
import type { WrittenWorkerOptions } from './worker-options-schema.js';

/** A site as it was written: checked and converted, but its paths are not resolved yet. */
export interface WrittenSite extends Omit<
  SiteConf,
  'siteId' | 'path' | 'workerFile' | 'workerOptions' | 'runAs'
> {
  readonly siteId?: string;
  readonly path?: string;
  readonly workerFile?: string;
  readonly user?: string | number;
  readonly group?: string | number;
  readonly workerOptions: WrittenWorkerOptions;
}

/** What a `siteId` looks like. It may become a file name, so it can't be `.` or `..`. */
export const SITE_ID_PATTERN: RegExp = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

/** What another site may wait for: one of this machine, or of the fleet. */
const WAITED_PATTERN = /^(?!\.{1,2}(?:@fleet)?$)[A-Za-z0-9._-]{1,64}(?:@fleet)?$/;

/** What would be right where a `siteId` isn't. */
export const SITE_ID_EXPECTED =
  "1 to 64 letters, digits, dots, underscores or hyphens, other than '.' and '..'";

/** Most entries that a worker may put into one update. */
export const MAX_UPDATE_LISTEN_COUNT = 10_000;

const MAX_CPU_LEN = 1024;
const cpuLen = integer(0, MAX_CPU_LEN).optional();
const siteId = z.string({ error: SITE_ID_EXPECTED }).regex(SITE_ID_PATTERN, { error: SITE_ID_EXPECTED });
const WAITED_EXPECTED = `${SITE_ID_EXPECTED}; or such a one with '@fleet' behind it`;
const waitedSite = z.string({ error: WAITED_EXPECTED }).regex(WAITED_PATTERN, { error: WAITED_EXPECTED });
const balanceName = choice(['least', 'round-robin', 'ip-hash']);
const allow = object({
  hosts: list(hostPattern(), 'host patterns')
    .optional()
    .describe('Hosts that workers may claim; a wildcard covers what it matches. Absent: any.'),
  ports: list(portRange(), "ports or ranges 'from-to'")
    .optional()
    .describe('Ports that workers may listen on. Absent: any.'),
  ipaddresses: list(ipAddress(), 'IP addresses')
    .optional()
    .describe('Addresses that workers may listen on; `::` covers all. Absent: any.'),
  cpuLen: cpuLen.describe('Most workers that a worker may ask for. Absent: any number.'),
  listenerMaxCount: integer(1, MAX_PORT)
    .optional()
    .describe('Most addresses that workers may listen on. Absent: 64.'),
  hostMaxCount: integer(0, MAX_UPDATE_LISTEN_COUNT)
    .optional()
    .describe('Most hosts that workers may claim. Absent: 10 000.'),
}).transform((allowed) => withoutUndefined(allowed));

const permissions = object({
  read: list(path(), 'paths')
    .default([])
    .describe('Files and directories that may be read, relative to `path`.'),
  write: list(path(), 'paths')
    .default([])
    .describe('Files and directories that may be read and written, relative to `path`.'),
  childProcess: flag().default(false).describe('Whether its code may start processes.'),
  workerThreads: flag().default(false).describe('Whether its code may start worker threads.'),
  addons: flag().default(false).describe('Whether its code may load native addons.'),
});

const siteLimits = object({
  memory: size(16 * MEGABYTE, 64 * 1024 * GIGABYTE)
    .optional()
    .describe('Memory at which the kernel ends a process of the site. Absent: no bound.'),
  memoryHigh: size(16 * MEGABYTE, 64 * 1024 * GIGABYTE)
    .optional()
    .describe('Memory above which its processes are slowed down. Absent: nine tenths of `memory`.'),
  cpu: number(0.01, 1024).optional().describe('CPUs, such as `0.5` or `2`. Absent: no bound.'),
  cpuWeight: integer(1, 10_000)
    .optional()
    .describe('Its part of the CPUs beside other sites, where all want them. Absent: 100.'),
  pids: integer(16, 4_194_304).optional().describe('Processes and threads. Absent: no bound.'),
})
  .refine(...ordered('memoryHigh', 'memory', 'be at most', 'a size'))
  .transform((written) => withoutUndefined(written));

const restart = object({
  intensity: integer(0, 1000)
    .default(10)
    .describe('Restarts of a worker tolerated within `period`; one more and its slot is given up.'),
  period: duration().prefault('60s').describe('Span in which restarts are counted.'),
  backoffMin: duration().prefault('100ms').describe('Delay before the first restart.'),
  backoffMax: duration().prefault('10s').describe('Longest delay before a restart.'),
})
  .refine(...ordered('backoffMin', 'backoffMax', 'be at most'))
  .transform(({ intensity, period, backoffMin, backoffMax }) => ({
    intensity,
    periodMs: period,
    backoffMinMs: backoffMin,
    backoffMaxMs: backoffMax,
  }));

/** A site of a conf file, or what `loadSite` takes. */
export const siteSchema: z.ZodType<WrittenSite> = object({
  siteId: siteId
    .optional()
    .describe('Name of the site, unique within the master. Absent: the last part of `path`.'),
  path: path()
    .optional()
    .describe(
      "Directory of the site, or the file that it runs, relative to the conf file's directory. Absent: the directory of `workerFile`.",
    ),
  workerFile: path()
    .optional()
    .describe('File or directory that a worker runs, relative to `path`. Absent: `path` itself.'),
  interpreter: text()
    .regex(/^(?!node$)./, { error: 'a program; leave it out where that is Node' })
    .optional()
    .describe(
      'Program that runs `workerFile` where that is not JavaScript, such as `python3`; `none` where it runs by itself. Absent: what its first line names (`#!`), or its extension (`.sh`, `.bash`, `.py`, `.rb`, `.php`, `.pl`), else Node.',
    ),
  workerArgs: list(text(), 'strings').default([]).describe('Arguments of the worker.'),
  workerOptions: workerOptions.prefault({}).describe('How a worker process is started.'),
  envFile: path()
    .optional()
    .describe("File with variables for the worker's environment, such as `.env`, relative to `path`."),
  user: account('user').optional().describe("User that the workers run as. Absent: the master's."),
  group: account('group').optional().describe("Group that the workers run as. Absent: the user's own."),
  appPort: integer(1, MAX_PORT)
    .optional()
    .describe(
      "Port on which the app listens: the server there is the site's. Absent: the first HTTP server is.",
    ),
  server: flag()
    .default(true)
    .describe('Whether the app has a server. `false`: queue workers, bots and jobs, which serve nobody.'),
  autorestart: flag()
    .default(true)
    .describe(
      'Whether a worker that has ended is started again. `false`: jobs; only with `"server": false`.',
    ),
  cron: cron()
    .optional()
    .describe(
      'When a job is run, or the workers of any other site are replaced. Absent: at no certain time.',
    ),
  cpuLen: integer(0, MAX_CPU_LEN, '; leave it out for the number of CPUs')
    .optional()
    .describe(
      'Number of workers. Absent: what the worker asks for in `updateServerConf`, else the number of CPUs, or 1 with `"server": false`.',
    ),
  dependencies: list(waitedSite, 'siteIds')
    .default([])
    .describe('Sites that must be published before a worker of this one is started.'),
  listen: list(listenEntry, 'listen entries').default([]).describe('Where the site is served.'),
  defaultListen: flag().default(false).describe('Makes the site the default on all its addresses.'),
  logOutput: path().optional().describe("File for the workers' standard output, relative to `path`."),
  logError: path().optional().describe("File for the workers' standard error, relative to `path`."),
  logAll: path().optional().describe('File for both, relative to `path`.'),
  accessLog: path()
    .optional()
    .describe('File that gets a line for each answer, relative to `path`. Absent: none.'),
  accessLogFormat: choice(['combined', 'json'])
    .default('combined')
    .describe('Form of such a line: that of Apache and nginx, or an object.'),
  logFormat: choice(['plain', 'prefix', 'json'])
    .default('plain')
    .describe(
      'Form of a line in these files: as it was printed, with time, stream and worker before it, or an object.',
    ),
  logRotate: logRotate
    .optional()
    .describe(
      'Bounds of these files, of `accessLog` and of the default log. Absent: other programs rotate them; the default log has 10 MiB and 3 old files.',
    ),
  allow: allow.prefault({}).describe("What the site's workers may ask for in `updateServerConf`."),
  limits: siteLimits
    .optional()
    .describe('What all workers of the site, and what they start, may take together. Absent: no bound.'),
  permissions: permissions
    .optional()
    .describe("What the site's code may do, held by Node's permission model. Absent: all that its user may."),
  trusted: flag()
    .default(false)
    .describe("Whether the site's code may be run where the master can't be protected from it."),
  balance: z
    .union(
      [
        balanceName,
        object({
          cookie: cookieName().describe('Name of the cookie whose value decides.'),
          otherwise: balanceName.default('least').describe('How it is for connections without it.'),
        }),
      ],
      {
        error: "one of 'least', 'round-robin', 'ip-hash', or { cookie: 'NAME' }, a cookie's name",
      },
    )
    .default('least')
    .describe('How a worker is picked for a connection.'),
  waitReady: flag()
    .default(false)
    .describe("Whether a worker is ready only when its app has called `process.send('ready')`."),
  watch: flag()
    .default(false)
    .describe(
      'Whether the site is reloaded when one of its files changes, and shows why while its code is broken.',
    ),
  stopSignal: choice(['SIGINT', 'SIGTERM', 'shutdown'])
    .optional()
    .describe(
      'What tells an app that it is to end. Absent: the signal that it listens for, `SIGTERM` first.',
    ),
  instanceVar: text()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of a variable' })
    .default('NODE_APP_INSTANCE')
    .describe("Variable with the number of a worker's slot, from 0 on."),
  bootTimeout: duration().prefault('30s').describe('How long a worker may take until it is ready.'),
  drainTimeout: duration(0).prefault('30s').describe('How long a leaving worker may finish its connections.'),
  stopTimeout: duration(0)
    .prefault('10s')
    .describe('How long a worker may take to exit before it is killed.'),
  settleTime: duration(0)
    .prefault('1s')
    .describe('How long the first new worker of a reload must live before it takes over.'),
  callTimeout: duration().prefault('30s').describe('How long a call between processes may take.'),
  parkMaxCount: integer(0, 100_000)
    .default(1000)
    .describe('Connections held while the site has no ready worker. 0: none.'),
  parkTimeout: duration(0).prefault('10s').describe('How long such a connection is held.'),
  idleFreeze: duration()
    .optional()
    .describe(
      'How long there is no request before the workers are stopped where they stand, to go on with the next connection or request. Absent: never.',
    ),
  idleStop: duration()
    .optional()
    .describe(
      'How long nobody is connected before the workers are stopped, until the next connection. Absent: `10m` where `cpuLen` is `0`, else never.',
    ),
  compileCache: flag()
    .default(true)
    .describe(
      'Whether what Node has compiled of the code is kept for the next start, by Node 22.1 and later. False: it is compiled anew each time.',
    ),
  warm: integer(0, 64)
    .optional()
    .describe(
      'Processes that have booted and wait for the code, beside the workers: the next worker is one of them. Absent: none.',
    ),
  maintenancePage: path()
    .optional()
    .describe('HTML file that answers every request during a maintenance, relative to `path`.'),
  heartbeatInterval: duration().prefault('5s').describe('How often a worker shows that it is alive.'),
  heartbeatLimit: duration().prefault('30s').describe('Silence after which a worker is replaced.'),
  restart: restart.prefault({}).describe('How often a worker may be restarted, and how fast.'),
  memoryLimit: size(64 * MEGABYTE, 1024 * GIGABYTE)
    .optional()
    .describe('Resident memory above which a worker is replaced. Absent: it is not.'),
  maxAge: duration(1000).optional().describe('Age at which a worker is replaced. Absent: it is not.'),
  maxRequests: integer(1, 1_000_000_000)
    .optional()
    .describe('Requests after which a worker is replaced. Absent: it is not.'),
})
  .refine(...ordered('heartbeatInterval', 'heartbeatLimit', 'be less than'))
  .refine(
    sameDemands,
    refusal(
      ['listen'],
      "'ssl' entries with the same minVersion, requestCert and ca",
      "has 'ssl' entries that ask different things of clients, which could use any of them; make them sites of their own",
    ),
  )
  .refine(
    hasOneForAddresses,
    refusal(
      ['listen'],
      'IP addresses with the same certificate',
      "has 'ssl' entries of several IP addresses with different certificates: clients of an address name no host, and would all get the first; make them sites of their own, or give them one certificate for all",
    ),
  )
  .refine(
    acceptsAlike,
    refusal(
      ['listen'],
      "'accept' on every entry of an address, and no other address that overlaps it on its port",
      "has entries with 'accept': 'direct' and without on one socket: its connections are accepted in one way",
    ),
  )
  .refine(
    ...ofNode('waitReady', 'has no use with an interpreter: only a program of Node says that it is ready'),
  )
  .refine(...ofNode('permissions', 'has no use with an interpreter: Node holds it, for its own programs'))
  .refine(
    (site: object) => !isProgram(site) || Reflect.get(site, 'stopSignal') !== 'shutdown',
    refusal(
      ['stopSignal'],
      "'SIGINT' or 'SIGTERM'",
      'only a program of Node takes messages, not one of an interpreter',
    ),
  )
  .refine(
    (site) => site.interpreter !== 'none' || (site.workerOptions?.execArgv ?? []).length === 0,
    refusal(
      ['workerOptions', 'execArgv'],
      'to be left out',
      "has no use with 'interpreter': 'none'; arguments are workerArgs",
    ),
  )
  .refine(...ofServer('listen'))
  .refine(...ofServer('defaultListen'))
  .refine(...ofServer('appPort'))
  .refine(...ofServer('idleFreeze'))
  .refine(...ofServer('idleStop'))
  .refine(...ofServer('maintenancePage'))
  .refine(...ofServer('accessLog'))
  .refine(...ofServer('maxRequests'))
  .refine(
    (site: object) => !isServerless(site) || Reflect.get(site, 'cpuLen') !== 0,
    refusal(['cpuLen'], '1 or more', "no connection would start a worker with 'server': false"),
  )
  .refine(
    (site: object) => !isOff(site, 'autorestart') || isServerless(site),
    refusal(
      ['autorestart'],
      'true',
      "a site that serves starts its workers again; jobs have 'server': false",
    ),
  )
  .refine(...ofNode('warm', 'has no use with an interpreter: only a process of Node can wait for its code'))
  .refine(
    (site) =>
      (site.warm ?? 0) === 0 ||
      !(site.workerOptions?.execArgv ?? []).some((option) => option.startsWith('--inspect')),
    refusal(['warm'], '0', 'has no use with an inspector, whose port is that of the slot of a worker'),
  )
  .refine(...ofService('warm'))
  .refine(...ofService('memoryLimit'))
  .refine(...ofService('maxAge'))
  .refine(
    (site: object) => ['path', 'workerFile'].some((name) => Reflect.get(site, name) !== undefined),
    refusal(['path'], 'a path', 'is missing, as is workerFile'),
  )
  .refine(
    (site) => site.user === undefined || site.workerOptions?.uid === undefined,
    refusal(['user'], 'the only user', 'says the same as workerOptions.uid; leave one of them out'),
  )
  .refine(
    (site) => site.group === undefined || site.workerOptions?.gid === undefined,
    refusal(['group'], 'the only group', 'says the same as workerOptions.gid; leave one of them out'),
  )
  .transform(
    ({
      bootTimeout: bootTimeoutMs,
      drainTimeout: drainTimeoutMs,
      stopTimeout: stopTimeoutMs,
      settleTime: settleTimeMs,
      callTimeout: callTimeoutMs,
      parkTimeout: parkTimeoutMs,
      idleFreeze: idleFreezeMs,
      idleStop: idleStopMs,
      heartbeatInterval: heartbeatIntervalMs,
      heartbeatLimit: heartbeatLimitMs,
      memoryLimit: memoryLimitBytes,
      maxAge: maxAgeMs,
      allow: allowed,
      listen,
      ...rest
    }): WrittenSite => ({
      ...withoutUndefined({ ...rest, idleFreezeMs, idleStopMs, memoryLimitBytes, maxAgeMs }),
      server: rest.server && rest.interpreter === undefined,
      listen: listen.map(withoutTerms),
      ...termsOf(listen),
      allow: {
        ...allowed,
        defaultListen: allowed.hosts === undefined || rest.defaultListen,
      } satisfies Allowance,
      bootTimeoutMs,
      drainTimeoutMs,
      stopTimeoutMs,
      settleTimeMs,
      callTimeoutMs,
      parkTimeoutMs,
      heartbeatIntervalMs,
      heartbeatLimitMs,
    }),
  );

/** What a worker sends with `updateServerConf`. Key material is dropped: it stays in the worker. */
export const updateSchema: z.ZodType<ServerConfUpdate> = object({
  defaultListen: flag().optional(),
  listen: list(updateEntry, 'listen entries').optional(),
  cpuLen,
}).transform((update): ServerConfUpdate => withoutUndefined(update));
