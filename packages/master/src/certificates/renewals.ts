// When the certificates that vhostd keeps are renewed, and how the last attempt ended, as the process that keeps them
// tells of it.
import type {
  CertificateRenewal,
  CertificateStatus,
  RenewalStatus,
  WantedCertificate,
} from '@vhostd/protocol';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { CertifiedSite, Remark } from './site-certificates.js';
import { certificateKey, certificateOf } from './wanted-certificates.js';

export class Renewals {
  readonly #told = new Map<string, CertificateRenewal>();

  set(told: CertificateRenewal): void {
    this.#told.set(certificateKey(told), told);
  }

  /** Forgets all others. */
  keepOnly(wanted: readonly WantedCertificate[]): void {
    const keys = new Set(wanted.map(certificateKey));
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
  }

  /** Those of the entries of a site, as far as they are known. */
  of({ siteId, conf }: Pick<CertifiedSite, 'siteId' | 'conf'>): RenewalStatus[] {
    const found = new Map<string, RenewalStatus>();
    const user = foreignUserOf(conf.runAs);
    const owner = user === undefined ? {} : { uid: user.uid };
    for (const entry of conf.listen) {
      const wanted = certificateOf(entry);
      const told = wanted === undefined ? undefined : this.#told.get(certificateKey({ ...wanted, ...owner }));
      if (told === undefined) continue;
      const { host: _host, uid: _uid, ...renewal } = told;
      const { host } = entry;
      found.set(host ?? '', { siteId, ...renewal, ...(host === undefined ? {} : { host }) });
    }
    return [...found.values()];
  }
}

/** What keeps a site from a certificate that is not in the last third of its life. */
export function remarksOnRenewal(
  { host, lastError, nextRenewal }: RenewalStatus,
  served: readonly CertificateStatus[],
): Remark[] {
  const isGood = served.some((one) => one.host === host && one.state === 'good');
  if (lastError === undefined || isGood) return [];
  const { code, message } = lastError;
  const which = host ?? 'every host';
  return [
    {
      what: 'fault',
      code,
      message: `no new certificate for ${which}: ${message}; next attempt at ${nextRenewal}`,
    },
  ];
}
