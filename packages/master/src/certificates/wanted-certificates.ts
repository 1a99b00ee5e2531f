// Which certificates the sites want, and where their workers look for them.
import { HOSTLESS_CERTIFICATE, isCertificateKind } from '@vhostd/protocol';
import type { WantedCertificate } from '@vhostd/protocol';
import type { ListenEntry, SiteConf } from '../conf/site-conf.js';
import { foreignUserOf } from '../conf/foreign-user.js';

/** What certificates differ in. */
type CertificateName = Pick<WantedCertificate, 'kind' | 'host'> & { readonly uid?: number };

/** A site, as far as the certificates that it wants are concerned. */
export interface WantingSite {
  /** An authority that looks for its hosts would find them. */
  readonly running: boolean;
  readonly conf: Pick<SiteConf, 'siteId' | 'runAs' | 'listen'>;
  /** What its next generation is to have. */
  readonly wantedPlaces: { readonly listen: readonly ListenEntry[] };
}

/** Each of them once for each user, whose sites trust one another. `directoryOf` makes the directory of a site, or throws where it can't. */
export function wantedCertificates(
  sites: readonly WantingSite[],
  directoryOf: (conf: WantingSite['conf']) => string,
): WantedCertificate[] {
  const wanted = new Map<string, WantedCertificate>();
  for (const { conf, running, wantedPlaces } of sites) {
    // Most want none; this is looked at whenever any site changes.
    if (!conf.listen.some(certificateOf) && !wantedPlaces.listen.some(certificateOf)) continue;
    const certificates = [...conf.listen, ...wantedPlaces.listen]
      .flatMap((entry) => certificateOf(entry) ?? [])
      .filter(({ kind }) => running || kind === 'internal');
    const names = new Map(certificates.map((name) => [`${name.kind} ${name.host}`, name]));
    if (names.size === 0) continue;
    const user = foreignUserOf(conf.runAs);
    const home = { directory: directoryOf(conf), ...user };
    const owner = user === undefined ? {} : { uid: user.uid };
    for (const name of names.values()) {
      const key = certificateKey({ ...name, ...owner });
      const { homes } = wanted.get(key) ?? { homes: [] };
      wanted.set(key, { ...name, ...owner, homes: [...homes, home] });
    }
  }
  return [...wanted.values()];
}

/** What names one among all. */
export function certificateKey({ kind, host, uid }: CertificateName): string {
  return `${kind} ${host} ${uid ?? ''}`;
}

/** The certificate that an entry asks for. */
export function certificateOf({
  type,
  host = HOSTLESS_CERTIFICATE,
  cert,
}: ListenEntry): Pick<WantedCertificate, 'kind' | 'host'> | undefined {
  return type === 'ssl' && isCertificateKind(cert) ? { kind: cert, host } : undefined;
}
