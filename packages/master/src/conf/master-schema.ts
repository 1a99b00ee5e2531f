// What a conf may say of the master itself: every field, its range and its default, as site-schema.ts for a site.
import { z } from '@vhostd/protocol/schemas';
import {
  choice,
  duration,
  flag,
  GIGABYTE,
  integer,
  ipAddress,
  list,
  MAX_PORT,
  MEGABYTE,
  object,
  path,
  size,
  text,
  urlPath,
  withoutUndefined,
} from './fields.js';
import { fleet } from './fleet-schema.js';
import { logRotate } from './log-schema.js';
import type { AcmeConf, FleetConf, MasterConf, MetricsConf } from './site-conf.js';
import { siteSchema } from './site-schema.js';
import type { WrittenSite } from './site-schema.js';

/** A master's conf as it was written: checked and converted, but its paths are not resolved yet. */
export interface WrittenMaster extends Omit<MasterConf, 'sites'> {
  readonly sites: readonly WrittenSite[];
}

const addressLimits = object({
  newPerSecond: integer(1, 1_000_000)
    .optional()
    .describe('New connections a second that are served, and as many at once.'),
  open: integer(1, 1_000_000).optional().describe('Connections to a site that are open at the same time.'),
}).transform((written) => withoutUndefined(written));

const limits = object({
  headTimeout: duration()
    .prefault('10s')
    .describe('How long a client may take to send the head of its first request, or its TLS hello.'),
  headMaxSize: size(1024, MEGABYTE)
    .prefault('16kb')
    .describe('Bytes of target, field names and values at which a request is refused, as Node counts them.'),
  helloMaxSize: size(1024, MEGABYTE).prefault('16kb').describe('Longest TLS hello.'),
  peekMaxCount: integer(1, 1_000_000)
    .default(10_000)
    .describe('Connections whose first bytes are awaited at the same time.'),
  peekMaxSize: size(MEGABYTE, 64 * GIGABYTE)
    .prefault('64mb')
    .describe('Bytes that may have come of all these connections together.'),
  perAddress: addressLimits.prefault({}).describe('What clients of one address may do.'),
}).transform(({ headTimeout, headMaxSize, helloMaxSize, peekMaxCount, peekMaxSize, perAddress }) => ({
  headTimeoutMs: headTimeout,
  headMaxBytes: headMaxSize,
  helloMaxBytes: helloMaxSize,
  peekMaxCount,
  peekMaxBytes: peekMaxSize,
  perAddress,
}));

const log = object({
  level: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least severe level that is logged.'),
  file: path()
    .optional()
    .describe("Log file, relative to the conf file's directory. Absent: standard error."),
  rotate: logRotate.optional().describe('Bounds of that file. Absent: other programs rotate it.'),
}).transform((written) => withoutUndefined(written));

const acme = object({
  email: text().optional().describe('Address for the account, which some authorities demand. Absent: none.'),
  directory: text()
    .refine((url) => /^https:\/\/[^/\s]+/.test(url) && URL.canParse(url), { error: 'an https URL' })
    .default('https://acme-v02.api.letsencrypt.org/directory')
    .describe("URL of the authority's directory."),
  ca: path()
    .optional()
    .describe("PEM file that the authority's server is trusted by. Absent: as a public one."),
  agree: flag().default(false).describe("Whether you agree to the authority's terms."),
  profile: text()
    .optional()
    .describe('What kind of certificate to order, such as `shortlived`. Absent: what the authority gives.'),
  eab: object({
    kid: text().describe('Name of the key that the authority has given you.'),
    key: text().describe('That key, in base64url.'),
  })
    .optional()
    .describe('External account binding, which some authorities demand. Absent: none.'),
}).transform((written) => withoutUndefined(written));

const otlp = object({
  endpoint: text()
    .refine((url) => /^https?:\/\/[^/\s]+/.test(url) && URL.canParse(url), { error: 'an http or https URL' })
    .describe("URL that takes metrics. Nothing is added to it: a collector's ends in `/v1/metrics`."),
  interval: duration(1_000).prefault('60s').describe('From one message to the next.'),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), text())
    .default({})
    .describe('Header fields of each message, such as one that names a key.'),
}).transform(({ endpoint, interval, headers }) => ({ endpoint, intervalMs: interval, headers }));

const metrics = object({
  port: integer(1, MAX_PORT)
    .optional()
    .describe('Port of `/metrics`, `/livez` and `/readyz`. Absent: metrics are on the control socket only.'),
  ipaddress: ipAddress().prefault('127.0.0.1').describe('IP address of that port.'),
  otlp: otlp.optional().describe('An OpenTelemetry collector that gets the same metrics. Absent: none.'),
}).transform((written) => withoutUndefined(written));

const masterShape = {
  $schema: z.string({ error: 'a URL or a path' }).optional().describe('JSON Schema, for editors; not used.'),
  log: log.prefault({}).describe("The master's own log."),
  limits: limits.prefault({}).describe('What a connection may cost before it is routed.'),
  backlog: integer(1, MAX_PORT)
    .default(511)
    .describe('Length asked for of the queue of connections that the kernel holds for a listener.'),
  bootMaxCount: integer(1, 1024).optional().describe('Workers that boot at the same time, of all sites.'),
  handoff: choice(['auto', 'native', 'pipe', 'ipc'])
    .default('auto')
    .describe('Transport by which a connection reaches its worker.'),
  acme: acme.optional().describe('Authority that issues certificates for `"cert": "auto"`. Absent: none.'),
  healthPath: urlPath()
    .optional()
    .describe(
      'Path at which every address in clear says whether vhostd serves, for balancers. Absent: none.',
    ),
  stopDelay: duration(0)
    .prefault('0s')
    .describe('How long new connections are still served once a stop has been asked for.'),
  metrics: metrics
    .optional()
    .describe(
      'Metrics of requests and event loops, which workers measure, and where they are. Absent: none of these.',
    ),
  fleet: fleet
    .optional()
    .describe('Store in which this machine publishes its sites for others. Absent: it stands alone.'),
};
const sites = list(siteSchema, 'sites', 1).describe('The sites to serve.');

/** A conf file. */
export const masterFileSchema: z.ZodType<WrittenMaster> = object({ ...masterShape, sites }).transform(
  withoutSchemaKey,
);

/** A conf passed by a program, which may add its sites later with `loadSite`. */
export const masterSchema: z.ZodType<WrittenMaster> = object({
  ...masterShape,
  sites: list(siteSchema, 'sites').default([]),
}).transform(withoutSchemaKey);

function withoutSchemaKey({
  $schema: _schema,
  stopDelay: stopDelayMs,
  healthPath,
  bootMaxCount,
  acme: authority,
  metrics: measured,
  fleet: published,
  ...master
}: Omit<WrittenMaster, 'stopDelayMs' | 'healthPath' | 'bootMaxCount' | 'acme' | 'metrics' | 'fleet'> & {
  $schema?: unknown;
  stopDelay: number;
  healthPath?: string | undefined;
  bootMaxCount?: number | undefined;
  acme?: AcmeConf | undefined;
  metrics?: MetricsConf | undefined;
  fleet?: FleetConf | undefined;
}): WrittenMaster {
  const named = withoutUndefined({
    healthPath,
    bootMaxCount,
    acme: authority,
    metrics: measured,
    fleet: published,
  });
  return { ...master, stopDelayMs, ...named };
}
