/** What a worker tells of one certificate that it serves. Never a key. */
export interface CertificateFacts {
  /** That of its `ssl` entry; absent: every host. */
  host?: string;
  issuer: string;
  /** What it is for, DNS names and IP addresses. */
  names: string[];
  /** Its life, ms since 1970. */
  notBefore: number;
  notAfter: number;
  /** SHA-256, hex. */
  fingerprint: string;
  /** Where it was read from; absent: it stands in the conf. */
  file?: string;
  /** Why what is in the files is not used, or why clients will refuse what is. */
  fault?: { code: string; message: string };
}
