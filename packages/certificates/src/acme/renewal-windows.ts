// When an authority wants its certificates to be renewed (RFC 9773): asked for again as often as it says.
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { z } from '@vhostd/protocol/schemas';
import { getJson } from './acme-http.js';
import type { AcmeDirectory } from './acme-directory.js';

export class RenewalWindows {
  readonly #directory: AcmeDirectory;
  readonly #known = new Map<string, { window: RenewalWindow; until: number }>();

  constructor(directory: AcmeDirectory) {
    this.#directory = directory;
  }

  /** Whether the authority has such windows. @throws {VhostError} ERR_ACME_…. */
  async known(): Promise<boolean> {
    return (await this.#directory.read()).renewalInfo !== undefined;
  }

  /** That of a certificate. @throws {VhostError} ERR_ACME_…. */
  async of(pem: string): Promise<RenewalWindow | undefined> {
    const id = renewalId(pem);
    const { renewalInfo } = await this.#directory.read();
    if (id === undefined || renewalInfo === undefined) return undefined;
    const before = this.#known.get(id);
    if (before !== undefined && before.until > Date.now()) return before.window;
    const { data, retryAfterMs = DEFAULT_RETRY_MS } = await getJson(`${renewalInfo}/${id}`);
    const { suggestedWindow } = answer.parse(data);
    const window = { start: Date.parse(suggestedWindow.start), end: Date.parse(suggestedWindow.end) };
    const wait = Math.min(Math.max(retryAfterMs, MIN_RETRY_MS), MAX_RETRY_MS);
    this.#known.set(id, { window, until: Date.now() + wait });
    return window;
  }
}

/** ms since 1970. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
}

/** What the authority calls a certificate (RFC 9773 4.1); undefined where that does not say who has signed it. */
export function renewalId(pem: string): string | undefined {
  const [first] = x509.PemConverter.decodeWithHeaders(pem).filter(({ type }) => type === 'CERTIFICATE');
  if (first === undefined) return undefined;
  const key = new x509.X509Certificate(first.rawData).getExtension(
    x509.AuthorityKeyIdentifierExtension,
  )?.keyId;
  if (key === undefined) return undefined;
  const digits = new X509Certificate(pem).serialNumber;
  const serial = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  // As DER writes a positive number.
  const positive = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), serial]) : serial;
  return `${Buffer.from(key, 'hex').toString('base64url')}.${positive.toString('base64url')}`;
}

const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)));
const answer = z.object({ suggestedWindow: z.object({ start: time, end: time }) });
const DEFAULT_RETRY_MS = 6 * 60 * 60 * 1000;
const MIN_RETRY_MS = 60_000;
const MAX_RETRY_MS = 24 * 60 * 60 * 1000;
