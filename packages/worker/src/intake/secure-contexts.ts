// The keys and certificates of a site's 'ssl' entries, read and checked as a whole, and which of them a client
// gets for the name that it asks for.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { VhostError } from '@vhostd/protocol';

/** One listen entry of type 'ssl', as far as TLS is concerned. */
export interface SecureEntry {
  /** `a.com`, or `*.a.com` for every name below a.com; without one, only the first entry is ever used. */
  host?: string | undefined;
  /** The private key: PEM text or the path of a PEM file. */
  key: string;
  /** The certificate, its chain behind it: PEM text or the path of a PEM file. */
  cert: string;
  /** Of the key, when it is encrypted. */
  passphrase?: string | undefined;
}

/** What an entry becomes for Node. */
export interface SecureOptions {
  key: string;
  cert: string;
  passphrase?: string;
}

/** The readable, matching keys of a list of entries. */
export class SecureContexts {
  /** For clients that name no host, or one that no entry has: the first entry. */
  readonly fallback: SecureOptions;
  readonly #exact = new Map<string, SecureContext>();
  /** By suffix with its leading dot. */
  readonly #suffixes = new Map<string, SecureContext>();

  /**
   * Reads every key and certificate; of two entries with one host the first counts. `base`: what their contexts have
   * beside it.
   * @throws {VhostError} ERR_TLS_KEY for the first entry whose key or certificate is missing, unreadable or not
   * a pair; `info` has `entry` (its index), `host`, `field` and, where there is one, `file`. Never key text.
   */
  constructor(entries: readonly SecureEntry[], base: SecureContextOptions = {}) {
    let fallback: SecureOptions | undefined;
    for (const [index, entry] of entries.entries()) {
      const host = entry.host?.toLowerCase() ?? '';
      const source = { index, host };
      const options = readPair(entry, source);
      const context = contextOf({ ...base, ...options }, source);
      fallback ??= options;
      const map = host.startsWith('*.') ? this.#suffixes : this.#exact;
      const name = host.startsWith('*.') ? host.slice(1) : host;
      if (!map.has(name)) map.set(name, context);
    }
    if (fallback === undefined)
      throw new VhostError('ERR_TLS_KEY', 'there is no ssl entry to read a key from');
    this.fallback = fallback;
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
  return { pem: attempt(source, field, value, () => readFileSync(value, 'utf8')), file: value };
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
