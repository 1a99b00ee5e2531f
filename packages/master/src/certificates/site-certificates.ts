// The certificates of a site, as its workers tell of them, and what is wrong with them.
import { renewFrom } from '@vhostd/protocol';
import type { CertificateStatus } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import type { ToldCertificate } from '../workers/told-certificates.js';

/** A site as far as its certificates are concerned. */
export interface CertifiedSite {
  readonly siteId: string;
  readonly conf: Pick<SiteConf, 'listen' | 'runAs'>;
  workers(): readonly { readonly certificates: readonly ToldCertificate[] }[];
}

/** Something that the owner of a certificate should know. */
export interface Remark {
  readonly what: 'due' | 'expired' | 'fault';
  /** Of a fault. */
  readonly code?: string;
  readonly message: string;
}

/**
 * Those of the `ssl` entries of its conf: of other hosts a worker has nothing to tell. One that several workers serve
 * stands once; where they differ, as for a moment while files change, each stands.
 */
export function certificatesOf(site: CertifiedSite, nowMs: number): CertificateStatus[] {
  const { siteId, conf } = site;
  const hosts = new Set(conf.listen.flatMap(({ type, host }) => (type === 'ssl' ? [host ?? ''] : [])));
  const found = new Map<string, CertificateStatus>();
  for (const { certificates } of site.workers()) {
    for (const told of certificates) {
      const { host = '', fingerprint, fault } = told;
      if (!hosts.has(host)) continue;
      const key = JSON.stringify([host, fingerprint, fault]);
      const known = found.get(key);
      found.set(
        key,
        known === undefined ? statusOf(siteId, told, nowMs) : { ...known, workers: known.workers + 1 },
      );
    }
  }
  return [...found.values()];
}

/** Nothing where all is well. */
export function remarksOn({
  host = 'every host',
  state,
  notAfter,
  fault,
  file,
}: CertificateStatus): Remark[] {
  const which = `the certificate of ${host}${file === undefined ? '' : ` (${file})`}`;
  const remarks: Remark[] = [];
  if (state === 'expired') {
    remarks.push({ what: 'expired', message: `${which} has expired at ${notAfter}` });
  }
  if (state === 'due') {
    remarks.push({
      what: 'due',
      message: `${which} expires at ${notAfter}, and less than a third of its life is left`,
    });
  }
  // That the one in force has expired has been said.
  if (fault !== undefined && !(state === 'expired' && fault.code === 'ERR_TLS_DATE')) {
    const { code, message } = fault;
    remarks.push({ what: 'fault', code, message });
  }
  return remarks;
}

function statusOf(siteId: string, told: ToldCertificate, nowMs: number): CertificateStatus {
  const { notBefore, notAfter, fault, since = nowMs, ...facts } = told;
  const dueMs = renewFrom(notBefore, notAfter);
  return {
    siteId,
    ...facts,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    renewFrom: new Date(dueMs).toISOString(),
    state: nowMs >= notAfter ? 'expired' : nowMs >= dueMs ? 'due' : 'good',
    ...(fault === undefined ? {} : { fault: { ...fault, since: new Date(since).toISOString() } }),
    workers: 1,
  };
}
