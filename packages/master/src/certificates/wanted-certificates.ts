// Which certificates the sites want, and where their workers look for them.
import { HOSTLESS_CERTIFICATE, isCertificateKind } from '@vhostd/protocol';
import type { WantedCertificate } from '@vhostd/protocol';
import type { ListenEntry, SiteConf } from '../conf/site-conf.js';
import { foreignUserOf } from '../conf/foreign-user.js';

/** A site, as far as the certificates that it wants are concerned. */
export interface WantingSite {
  /** An authority that looks for its hosts would find them. */
  readonly running: boolean;
  readonly conf: Pick<SiteConf, 'siteId' | 'runAs' | 'listen'>;
  /** What its next generation is to have. */
  readonly wantedPlaces: { readonly listen: readonly ListenEntry[] };
}

/** Each of them once. `directoryOf` makes the directory of a site, or throws where it can't. */
export function wantedCertificates(
  sites: readonly WantingSite[],
  directoryOf: (conf: WantingSite['conf']) => string,
): WantedCertificate[] {
  const wanted = new Map<string, WantedCertificate>();
  for (const { conf, running, wantedPlaces } of sites) {
    const listen = [...conf.listen, ...wantedPlaces.listen];
    const certificates = listen
      .flatMap((entry) => certificateOf(entry) ?? [])
      .filter(({ kind }) => running || kind === 'internal');
    const names = new Map(certificates.map((name) => [`${name.kind} ${name.host}`, name]));
    if (names.size === 0) continue;
    const home = { directory: directoryOf(conf), ...foreignUserOf(conf.runAs) };
    for (const [key, name] of names) {
      const { homes } = wanted.get(key) ?? { homes: [] };
      wanted.set(key, { ...name, homes: [...homes, home] });
    }
  }
  return [...wanted.values()];
}

/** The certificate that an entry asks for. */
export function certificateOf({
  type,
  host = HOSTLESS_CERTIFICATE,
  cert,
}: ListenEntry): Omit<WantedCertificate, 'homes'> | undefined {
  return type === 'ssl' && isCertificateKind(cert) ? { kind: cert, host } : undefined;
}
