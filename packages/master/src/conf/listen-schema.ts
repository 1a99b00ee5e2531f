// What a conf, and a worker, may say of one way to reach a site.
import { isIP } from 'node:net';
import {
  addressesOverlap,
  CERTIFICATE_HOST_MAX_LENGTH,
  CERTIFICATE_KINDS,
  isCertificateKind,
} from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import {
  choice,
  duration,
  flag,
  hostPattern,
  integer,
  ipAddress,
  ipRange,
  list,
  MAX_PORT,
  object,
  refusal,
  text,
  withoutUndefined,
} from './fields.js';
import type { HeadTimeout, ListenEntry, ProxySource, SiteConf } from './site-conf.js';

/** On which terms connections begin at the address of an entry. */
export interface EntryTerms {
  readonly proxyProtocol?: readonly string[];
  /** Ms. */
  readonly headTimeout?: number;
}

/** A listen entry of a conf. */
export type WrittenEntry = ListenEntry & EntryTerms;

const type = choice(['tcp', 'ssl'])
  .default('tcp')
  .describe('`tcp` is HTTP in clear, `ssl` is TLS, which only the worker decrypts.');
const host = hostPattern()
  .optional()
  .describe('Host pattern that this entry answers for. Absent: the entry is the default of its address.');
const port = integer(0, MAX_PORT).describe('Port to listen on. 0 lets the kernel choose one.');
const ipaddress = ipAddress()
  .optional()
  .describe('IP address to listen on. Absent: all addresses of the machine.');

const OF_SSL = ['key', 'cert', 'passphrase', 'minVersion', 'requestCert', 'ca'] as const;
const minVersion = choice(['TLSv1.2', 'TLSv1.3'])
  .optional()
  .describe("The oldest version of TLS that is spoken. Absent: Node's, `TLSv1.2`.");
const requestCert = flag()
  .optional()
  .describe('Whether a client must show a certificate that `ca` has signed. Absent: no.');

const redirect = choice(['https'])
  .optional()
  .describe('Where requests in clear are sent on to, with status 308. Absent: they are served.');

const accept = choice(['direct'])
  .optional()
  .describe(
    'Who accepts connections. `direct`: the workers, on an address of the site alone. Absent: the master.',
  );

/** An entry of a conf file. */
export const listenEntry: z.ZodType<WrittenEntry> = object({
  type,
  host,
  port,
  ipaddress,
  key: text().optional().describe('Private key: a path or PEM text. Only the worker reads it.'),
  cert: text()
    .optional()
    .describe('Certificate chain: a path or PEM text, which only the worker reads; or `auto`, `internal`.'),
  passphrase: text().optional().describe('Passphrase of `key`. It is never logged.'),
  minVersion,
  requestCert,
  ca: text()
    .optional()
    .describe('Whose client certificates are good: a path or PEM text. Only the worker reads it.'),
  redirect,
  accept,
  proxyProtocol: list(ipRange(), 'IP addresses or ranges')
    .optional()
    .describe(
      'Balancers, by address, whose connections to this address begin with a PROXY protocol header. Absent: none.',
    ),
  headTimeout: duration()
    .optional()
    .describe(
      'How long a client of this address may take to send the head of its first request, or its TLS hello. ' +
        'Absent: as long as `limits.headTimeout` says.',
    ),
})
  .refine(
    (entry) => entry.type !== 'tcp' || OF_SSL.every((name) => !entry[name]),
    refusal(
      ['type'],
      "'ssl'",
      "key, cert, passphrase, minVersion, requestCert and ca have no use with type 'tcp', which is not encrypted",
    ),
  )
  .refine(
    (entry) => !isCertificateKind(entry.cert) || (!entry.key && !entry.passphrase),
    refusal(['key'], 'to be left out', 'has no use with a certificate that vhostd keeps: it makes the key'),
  )
  .refine(
    ({ cert, host: name }) => cert !== 'auto' || (name !== undefined && !name.startsWith('*')),
    refusal(
      ['host'],
      'a host',
      "is missing, or a wildcard: with 'cert': 'auto' an authority looks whether it is here",
    ),
  )
  .refine(
    (entry) => !isCertificateKind(entry.cert) || (entry.host ?? '').length <= CERTIFICATE_HOST_MAX_LENGTH,
    refusal(['host'], `at most ${CERTIFICATE_HOST_MAX_LENGTH} letters`, 'is too long for such a certificate'),
  )
  .refine(
    (entry) => entry.type === 'tcp' || entry.redirect === undefined,
    refusal(['redirect'], 'to be left out', "has no use with type 'ssl': it is what requests are sent on to"),
  )
  .refine(
    (entry) => entry.requestCert !== true || Boolean(entry.ca),
    refusal(
      ['ca'],
      'a path or PEM text',
      'is missing: requestCert needs to know whose certificates are good',
    ),
  )
  .refine(
    (entry) => entry.requestCert === true || !entry.ca,
    refusal(['requestCert'], 'true', 'ca has no use without it'),
  )
  .refine(
    (entry) => entry.accept === undefined || entry.redirect === undefined,
    refusal(['accept'], 'to be left out', 'has no use with redirect: the master answers these requests'),
  )
  .refine(
    (entry) => entry.accept === undefined || entry.cert !== 'auto',
    refusal(['accept'], 'to be left out', "has no use with 'cert': 'auto': the master answers the authority"),
  )
  .refine(
    (entry) => entry.accept === undefined || entry.proxyProtocol === undefined,
    refusal(['accept'], 'to be left out', 'has no use with proxyProtocol: the master reads these headers'),
  )
  .refine(
    (entry) => entry.accept === undefined || entry.headTimeout === undefined,
    refusal(['accept'], 'to be left out', 'has no use with headTimeout: the app waits for these heads'),
  )
  .transform((entry): WrittenEntry => withoutUndefined(entry));

/** An entry of `updateServerConf`. Key material is dropped: it stays in the worker. Who issues a certificate is no secret. */
export const updateEntry: z.ZodType<ListenEntry> = object({
  type,
  host,
  port,
  ipaddress,
  key: z.unknown().optional(),
  cert: z.unknown().optional(),
  passphrase: z.unknown().optional(),
  ca: z.unknown().optional(),
  minVersion,
  requestCert,
  redirect,
  accept,
}).transform(({ key: _key, cert, passphrase: _passphrase, ca: _ca, ...entry }): ListenEntry => {
  const kind = CERTIFICATE_KINDS.find((known) => known === cert);
  return withoutUndefined({ ...entry, cert: entry.type === 'ssl' ? kind : undefined });
});

/** A client chooses the name in its hello: the weakest entry of a site would be that of all. */
export function sameDemands(site: object): boolean {
  const written: unknown = Reflect.get(site, 'listen');
  if (!Array.isArray(written)) return true;
  const demands = written
    .filter((entry: unknown) => Reflect.get(Object(entry), 'type') === 'ssl')
    .map((entry: unknown) =>
      JSON.stringify(
        ['minVersion', 'requestCert', 'ca'].map((name) => Reflect.get(Object(entry), name) ?? null),
      ),
    );
  return new Set(demands).size <= 1;
}

/**
 * A client of an address names no host in its hello (RFC 6066 3): it gets the one certificate that its site has for
 * addresses, which is to be for this address as well.
 */
export function hasOneForAddresses(site: object): boolean {
  const written: unknown = Reflect.get(site, 'listen');
  if (!Array.isArray(written)) return true;
  const certificates = written
    .map((entry: unknown) => Object(entry) as { type?: unknown; host?: unknown; cert?: string })
    .filter(
      ({ type: kind, host: name }) => kind === 'ssl' && isIP(String(name).replaceAll(/[[\]]/g, '')) !== 0,
    )
    .map(({ host: name, cert }) => JSON.stringify([cert ?? null, isCertificateKind(cert) ? name : null]));
  return new Set(certificates).size <= 1;
}

/** On an address where workers accept, every connection is theirs: of all entries that it concerns. */
export function acceptsAlike(site: object): boolean {
  const written: unknown = Reflect.get(site, 'listen');
  if (!Array.isArray(written)) return true;
  const entries = written.map((entry: unknown) => Object(entry) as Partial<ListenEntry>);
  const direct = entries.filter((entry) => entry.accept === 'direct');
  return direct.every((one) =>
    entries.every((other) => {
      const [address, otherAddress] = [one.ipaddress ?? '::', other.ipaddress ?? '::'];
      if (one.port !== other.port) return true;
      if (address === otherAddress) return other.accept === 'direct';
      return one.port === 0 || !addressesOverlap(address, otherAddress);
    }),
  );
}

/** What is left of an entry where its terms are told apart. */
export function withoutTerms({
  proxyProtocol: _ranges,
  headTimeout: _limit,
  ...entry
}: WrittenEntry): ListenEntry {
  return entry;
}

/** The `proxyProtocol` and `headTimeout` of a site's entries. */
export function termsOf(listen: readonly WrittenEntry[]): Pick<SiteConf, 'proxySources' | 'headTimeouts'> {
  const proxySources = listen.flatMap(({ proxyProtocol: ranges = [], ...entry }): ProxySource[] =>
    ranges.length === 0 ? [] : [{ ...addressOf(entry), ranges }],
  );
  const headTimeouts = listen.flatMap(({ headTimeout: limitMs, ...entry }): HeadTimeout[] =>
    limitMs === undefined ? [] : [{ ...addressOf(entry), limitMs }],
  );
  return {
    ...(proxySources.length === 0 ? {} : { proxySources }),
    ...(headTimeouts.length === 0 ? {} : { headTimeouts }),
  };
}

function addressOf(entry: WrittenEntry): Pick<ListenEntry, 'type' | 'port' | 'ipaddress'> {
  return withoutUndefined({ type: entry.type, port: entry.port, ipaddress: entry.ipaddress });
}
