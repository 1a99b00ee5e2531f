// The keys and certificates of a site's 'ssl' entries, read and checked as a whole, and which of them a client
// gets for the name that it asks for.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions, SecureVersion } from 'node:tls';
import { readPemFile, VhostError } from '@vhostd/protocol';
import type { CertificateFacts, CertificateKind } from '@vhostd/protocol';
import { factsOf } from './certificate-facts.js';
import { filesState } from './file-watch.js';

/** One listen entry of type 'ssl', as far as TLS is concerned. */
export interface SecureEntry {
  /** `a.com`, `*.a.com` for every name below a.com, or an IP address; without one, only the first entry is ever used. */
  host?: string | undefined;
  /** The private key: PEM text or the path of a PEM file. */
  key: string;
  /** The certificate, its chain behind it: PEM text or the path of a PEM file. */
  cert: string;
  /** vhostd writes the files: until they are there, handshakes are refused. Absent: they must be there. */
  issued?: CertificateKind | undefined;
  /** Of the key, when it is encrypted. */
  passphrase?: string | undefined;
  /** The oldest version that is spoken. Default: Node's. */
  minVersion?: SecureVersion | undefined;
  /** Whether a client must show a certificate that `ca` has signed. Default: no. */
  requestCert?: boolean | undefined;
  /** Whose certificates of clients are good: PEM text or the path of a PEM file. */
  ca?: string | undefined;
}

/** What the entries of a site ask of clients, all alike. */
export interface ClientDemands {
  minVersion?: SecureVersion;
  requestCert?: true;
  ca?: string;
}

/** How {@link SecureContexts} are made. */
export interface ContextOptions {
  /** What the contexts have beside keys and demands. */
  base?: (demands: ClientDemands) => SecureContextOptions;
  /** What an entry goes on with whose files are no good now. */
  kept?: SecureContexts | undefined;
}

/** What an entry becomes for Node. */
export interface SecureOptions {
  key: string;
  cert: string;
  passphrase?: string;
}

/** The readable, matching keys of a list of entries. */
export class SecureContexts {
  /**
   * For clients that name no host, or one that no entry has: the first entry of an IP address, which a hello can't name,
   * else the first entry; and all that its context has.
   */
  readonly fallback: SecureContextOptions;
  readonly demands: ClientDemands;
  /** Whether all names have the fallback's certificate. */
  readonly areAlike: boolean;
  /** What is wrong with files and certificates that are used, or were to be used. */
  readonly faults: readonly VhostError[];
  /** The certificates of all hosts, with their faults. */
  readonly certificates: readonly CertificateFacts[];
  /** What was read, and its state just before that. */
  readonly read: { readonly files: readonly string[]; readonly known: string };
  readonly #pairs = new Map<string, SecureOptions>();
  readonly #exact = new Map<string, SecureContext>();
  /** By suffix with its leading dot. */
  readonly #suffixes = new Map<string, SecureContext>();

  /**
   * Reads every key and certificate; of two entries with one host the first counts. A certificate that is out of date or
   * has another name is used, where there is none from before, and is a fault.
   * @throws {VhostError} ERR_TLS_KEY for the first entry whose key or certificate is missing, unreadable or not
   * a pair, and that nothing is kept of; `info` has `entry` (its index), `host`, `field` and, where there is one, `file`.
   * Never key text. ERR_TLS_DEMANDS where the entries ask different things of clients.
   */
  constructor(entries: readonly SecureEntry[], { base, kept }: ContextOptions = {}) {
    const files = filesOf(entries);
    this.read = { files, known: filesState(files) };
    const faults: VhostError[] = [];
    const certificates: CertificateFacts[] = [];
    this.demands = demandsOf(entries);
    const common = { ...base?.(this.demands), ...this.demands };
    let fallback: Partial<SecureOptions> | undefined;
    let hasAddress = false;
    const different = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      const host = entry.host?.toLowerCase() ?? '';
      const source = { index, host };
      const before = kept?.pairOf(entry);
      const { options, fault } = choosePair(entry, source, before);
      if (fault !== undefined) faults.push(fault);
      if (isPair(options)) this.#pairs.set(identityOf(entry), options);
      different.add(JSON.stringify(options));
      const context = contextOf({ ...common, ...options }, source);
      if (fallback === undefined || (!hasAddress && isAddress(host))) fallback = options;
      hasAddress ||= isAddress(host);
      const map = host.startsWith('*.') ? this.#suffixes : this.#exact;
      const name = host.startsWith('*.') ? host.slice(1) : host;
      if (map.has(name)) continue;
      map.set(name, context);
      if (isPair(options))
        certificates.push(factsOf({ host, pem: options.cert, written: entry.cert, fault }));
    }
    if (fallback === undefined)
      throw new VhostError('ERR_TLS_KEY', 'there is no ssl entry to read a key from');
    this.fallback = { ...common, ...fallback };
    this.areAlike = different.size === 1;
    this.faults = faults;
    this.certificates = certificates;
  }

  /** The keys that an entry has here. */
  pairOf(entry: SecureEntry): SecureOptions | undefined {
    return this.#pairs.get(identityOf(entry));
  }

  /** The context for a server name: exact, then the longest suffix, else `undefined` (use the fallback). */
  find(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase();
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const suffix = dot === 0 ? undefined : this.#suffixes.get(name.slice(dot));
      if (suffix !== undefined) return suffix;
    }
    return undefined;
  }
}

interface Source {
  index: number;
  host: string;
}

/** A context without a pair refuses each handshake with an alert. */
function isPair(options: Partial<SecureOptions>): options is SecureOptions {
  return options.cert !== undefined;
}

/** Of what is read now and what was read before, what to use. @throws {VhostError} ERR_TLS_KEY. */
function choosePair(
  entry: SecureEntry,
  source: Source,
  before: SecureOptions | undefined,
): { options: Partial<SecureOptions>; fault: VhostError | undefined } {
  try {
    const options = readPair(entry, source);
    const fault = certificateFault(options.cert, source);
    const isBetter = fault !== undefined && before !== undefined && options.cert !== before.cert;
    const keep = isBetter && certificateFault(before.cert, source) === undefined;
    return { options: keep ? before : options, fault };
  } catch (error) {
    if (!(error instanceof VhostError)) throw error;
    if (before !== undefined) return { options: before, fault: error };
    if (entry.issued === undefined) throw error;
    return { options: {}, fault: isMissing(error) ? undefined : error };
  }
}

/** Its file is not there, or not yet. */
function isMissing({ cause }: VhostError): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

/** Why clients will refuse a certificate, as far as that can be seen here. */
function certificateFault(pem: string, { index, host }: Source): VhostError | undefined {
  const { validFrom, validTo, ...certificate } = describe(pem);
  const info = { entry: index, host, validFrom, validTo };
  const now = Date.now();
  if (Date.parse(validTo) < now || Date.parse(validFrom) > now) {
    const when = Date.parse(validTo) < now ? `expired at ${validTo}` : `is good from ${validFrom} on`;
    const message = `ssl entry ${index}${host === '' ? '' : ` (${host})`}: the certificate ${when}`;
    return new VhostError('ERR_TLS_DATE', message, { info });
  }
  if (certificate.covers(host)) return undefined;
  const message = `ssl entry ${index}: the certificate is not for ${host}, but for ${certificate.names}`;
  return new VhostError('ERR_TLS_HOST', message, { info });
}

function describe(pem: string): {
  validFrom: string;
  validTo: string;
  names: string;
  covers(host: string): boolean;
} {
  const certificate = new X509Certificate(pem);
  const { validFrom, validTo, subject, subjectAltName } = certificate;
  return {
    validFrom,
    validTo,
    names: subjectAltName ?? subject,
    // A wildcard of the conf has names of any depth below it, which no certificate has.
    covers: (host) =>
      host === '' ||
      host.startsWith('*.') ||
      (isAddress(host) ? certificate.checkIP(bare(host)) : certificate.checkHost(host)) !== undefined,
  };
}

function isAddress(host: string): boolean {
  return isIP(bare(host)) !== 0;
}

/** An IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replaceAll(/[[\]]/g, '');
}

/** @throws {VhostError} ERR_TLS_DEMANDS, ERR_TLS_KEY. */
function demandsOf(entries: readonly SecureEntry[]): ClientDemands {
  const [first, ...others] = entries;
  if (first === undefined) return {};
  const { minVersion, requestCert, ca } = first;
  // A client chooses the name in its hello: the weakest entry would be that of all.
  if (others.some((entry) => DEMANDS.some((name) => entry[name] !== first[name]))) {
    throw new VhostError(
      'ERR_TLS_DEMANDS',
      'the ssl entries of a site must have the same minVersion, requestCert and ca: a client could use any of them',
    );
  }
  return {
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(requestCert === true ? { requestCert } : {}),
    ...(ca === undefined ? {} : { ca: readPem(ca, 'ca', { index: 0, host: first.host ?? '' }).pem }),
  };
}

const DEMANDS = ['minVersion', 'requestCert', 'ca'] as const;

function identityOf({ host, key, cert, passphrase }: SecureEntry): string {
  return JSON.stringify([host, key, cert, passphrase]);
}

function filesOf(entries: readonly SecureEntry[]): string[] {
  const written = entries.flatMap(({ key, cert, ca }) => [key, cert, ca ?? '']);
  return [...new Set(written.filter((value) => value !== '' && !value.includes('-----BEGIN ')))];
}

function readPair(entry: SecureEntry, source: Source): SecureOptions {
  const key = readPem(entry.key, 'key', source);
  const cert = readPem(entry.cert, 'cert', source);
  const { passphrase } = entry;
  const privateKey = attempt(source, 'key', key.file, () =>
    createPrivateKey({ key: key.pem, ...(passphrase === undefined ? {} : { passphrase }) }),
  );
  const certificate = attempt(source, 'cert', cert.file, () => new X509Certificate(cert.pem));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw keyError(source, 'cert', cert.file, 'the certificate belongs to another key');
  }
  return { key: key.pem, cert: cert.pem, ...(passphrase === undefined ? {} : { passphrase }) };
}

function contextOf(options: SecureContextOptions, source: Source): SecureContext {
  return attempt(source, 'cert', undefined, () => createSecureContext(options));
}

function readPem(value: unknown, field: string, source: Source): { pem: string; file: string | undefined } {
  if (typeof value !== 'string' || value === '') {
    throw keyError(source, field, undefined, `a ${field} (PEM text or a path) is required`);
  }
  if (value.includes('-----BEGIN ')) return { pem: value, file: undefined };
  // Text that is no PEM may be a mangled key: it must not end up in a message.
  if (value.includes('\n') || value.length > MAX_PATH_LENGTH) {
    throw keyError(source, field, undefined, 'the text is neither PEM nor a path');
  }
  return { pem: attempt(source, field, value, () => readPemFile(resolve(value))), file: value };
}

function attempt<T>(source: Source, field: string, file: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw keyError(source, field, file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function keyError(
  source: Source,
  field: string,
  file: string | undefined,
  reason: string,
  cause?: unknown,
): VhostError {
  const host = source.host === '' ? '' : ` (${source.host})`;
  const where = file === undefined ? '' : ` from ${file}`;
  return new VhostError('ERR_TLS_KEY', `ssl entry ${source.index}${host}, ${field}${where}: ${reason}`, {
    info: { entry: source.index, host: source.host, field, ...(file === undefined ? {} : { file }) },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** PATH_MAX of Linux, in bytes. */
const MAX_PATH_LENGTH = 4096;
