// Where a site's workers find a certificate that vhostd keeps for them: one file in the site's directory, with the key and
// the chain, so that no reader ever sees half of a pair.

/** Who issues a certificate: the machine's own authority, or one that speaks ACME. */
export type CertificateKind = 'internal' | 'auto';

/** What the conf may say in place of the files of a certificate. */
export const CERTIFICATE_KINDS: readonly CertificateKind[] = ['internal', 'auto'];

/** Whether `cert` of an entry asks for a certificate, and is no path. */
export function isCertificateKind(cert: string | undefined): cert is CertificateKind {
  return CERTIFICATE_KINDS.some((kind) => kind === cert);
}

/** The host of a certificate for an entry without one. */
export const HOSTLESS_CERTIFICATE = 'localhost';

/** Longest host of such a certificate: the name of its file may have 255 bytes. */
export const CERTIFICATE_HOST_MAX_LENGTH = 220;

/** The name of the file, in a site's directory. */
export function certificateFile(kind: CertificateKind, host: string | undefined): string {
  return `${kind}.${certificateName(host)}.pem`;
}

/** What a host is called in names of files; no host has a `+`. */
export function certificateName(host: string = HOSTLESS_CERTIFICATE): string {
  return host.toLowerCase().replace(/^\*\./, 'wildcard+.').replaceAll(/[[\]]/g, '');
}
