// What a conf may say of the fleet that the machine belongs to.
import { z } from '@vhostd/protocol/schemas';
import {
  choice,
  duration,
  integer,
  ipAddress,
  list,
  object,
  path,
  refusal,
  text,
  withoutUndefined,
} from './fields.js';
import type { FleetConf } from './site-conf.js';

const ENDPOINT_EXPECTED = "the URL of a member, such as 'http://10.0.0.1:2379'";
const endpoint = z
  .string({ error: ENDPOINT_EXPECTED })
  .regex(/^https?:\/\/[^/\s?#@]+$/, { error: ENDPOINT_EXPECTED })
  .refine((url) => URL.canParse(url), { error: ENDPOINT_EXPECTED });

const MACHINE_EXPECTED = '1 to 63 letters, digits or hyphens, the first one no hyphen';
const PREFIX_EXPECTED = "a path of letters, digits, dots, underscores and hyphens, such as '/vhostd/v1'";
const TLS_EXPECTED = 'to be left out';
const PREFIXES = { etcd: '/vhostd/v1', traefik: 'traefik' };
const DEFAULT_WEIGHT = 100;
const EDGE_TIMEOUT_MAX_MS = 60_000;

export const fleet: z.ZodType<FleetConf> = object({
  driver: choice(['etcd', 'traefik'])
    .default('etcd')
    .describe('Who follows the store, which is etcd: `vhostd edge`, or Traefik.'),
  endpoints: list(endpoint, 'URLs', 1).describe('Members of the store; the first one that answers is asked.'),
  machine: z
    .string({ error: MACHINE_EXPECTED })
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, { error: MACHINE_EXPECTED })
    .describe('Name of this machine, which no other one of the fleet has.'),
  address: ipAddress().describe('IP address at which the balancers reach this machine.'),
  prefix: z
    .string({ error: PREFIX_EXPECTED })
    .max(255, { error: PREFIX_EXPECTED })
    .regex(/^\/?[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/, { error: PREFIX_EXPECTED })
    .optional()
    .describe('What the keys begin with. Absent: `/vhostd/v1`, with Traefik `traefik`.'),
  weight: integer(1, 256)
    .default(DEFAULT_WEIGHT)
    .describe('Share of the clients, in proportion to that of the other machines.'),
  edgeTimeout: duration(1, EDGE_TIMEOUT_MAX_MS)
    .prefault('10s')
    .describe('How long what is about to stop waits for edges that have not applied it.'),
  user: text().optional().describe('Name of a user of the store. Absent: none is needed.'),
  password: text().optional().describe("That user's password. It is never shown."),
  ca: path().optional().describe('PEM file that the store is trusted by. Absent: as a public server.'),
  cert: path()
    .optional()
    .describe(
      'PEM file of a client certificate, which the store may ask for. Without a common name, or etcd refuses it.',
    ),
  key: path().optional().describe('PEM file of its private key.'),
})
  .refine(
    ({ user, password }) => (user === undefined) === (password === undefined),
    refusal(['password'], 'a password for `user`', 'user and password go together'),
  )
  .refine(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    refusal(['key'], 'the key of `cert`', 'cert and key go together'),
  )
  .refine(
    ({ endpoints, ca, cert }) =>
      !Array.isArray(endpoints) ||
      endpoints.some((url) => url.startsWith('https:')) ||
      (ca === undefined && cert === undefined),
    refusal(['ca'], TLS_EXPECTED, 'ca, cert and key have no use: no endpoint is https'),
  )
  .refine(
    ({ driver, prefix }) => typeof prefix !== 'string' || prefix.startsWith('/') === (driver !== 'traefik'),
    refusal(
      ['prefix'],
      'a path that begins with a slash, or one without it for Traefik',
      'of the keys of Traefik, and of no others, the first character is no slash',
    ),
  )
  .refine(
    ({ driver, weight }) => driver !== 'traefik' || weight === DEFAULT_WEIGHT,
    refusal(['weight'], 'to be left out', 'Traefik has no weights of machines where TLS passes through'),
  )
  .transform(({ edgeTimeout: edgeTimeoutMs, ...written }) =>
    withoutUndefined({ ...written, edgeTimeoutMs, prefix: written.prefix ?? PREFIXES[written.driver] }),
  );
