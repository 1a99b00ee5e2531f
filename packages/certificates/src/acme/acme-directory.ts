// What an authority says of itself in its directory (RFC 8555 7.1.1), as far as acme-client does not ask for it.
import { VhostError } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import { getJson } from './acme-http.js';

export class AcmeDirectory {
  readonly #url: string;
  #read: Entries | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Asks once. @throws {VhostError} ERR_ACME_…. */
  async read(): Promise<Entries> {
    return (this.#read ??= entries.parse((await getJson(this.#url)).data));
  }

  /**
   * The profile to order a certificate with. Without a wish an IP address gets a short-lived one where there is that:
   * public authorities give addresses nothing else.
   * @throws {VhostError} ERR_ACME_REFUSED: it has no such profile; ERR_ACME_…
   */
  async profileFor(wish: string | undefined, isAddress: boolean): Promise<string | undefined> {
    if (wish === undefined && !isAddress) return undefined;
    const names = Object.keys((await this.read()).meta?.profiles ?? {});
    if (wish === undefined) return names.find((name) => name === SHORT_LIVED);
    if (names.includes(wish)) return wish;
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ').slice(0, 1000)}`;
    throw new VhostError('ERR_ACME_REFUSED', `the authority has no profile '${wish}': ${known}`);
  }
}

interface Entries {
  /** Where it says when certificates are to be renewed (RFC 9773). */
  readonly renewalInfo?: string | undefined;
  /** Profiles by name (draft-ietf-acme-profiles). */
  readonly meta?: { readonly profiles?: Readonly<Record<string, unknown>> | undefined } | undefined;
}

const entries: z.ZodType<Entries> = z.object({
  renewalInfo: z.string().optional(),
  meta: z.object({ profiles: z.record(z.string(), z.unknown()).optional() }).optional(),
});

const SHORT_LIVED = 'shortlived';
