// What the master is told of a certificate: who issued it, for what, until when. No part of a key.
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import type { CertificateFacts, VhostError } from '@vhostd/protocol';

/** A certificate that is in force for a host, and what is wrong with it or with what was to follow it. */
export interface UsedCertificate {
  /** Empty: every host. */
  host: string;
  /** PEM, its chain behind it. */
  pem: string;
  /** What the entry says: a path, or PEM. */
  written: string;
  fault: VhostError | undefined;
}

export function factsOf({ host, pem, written, fault }: UsedCertificate): CertificateFacts {
  const certificate = new X509Certificate(pem);
  const { issuer, subject, subjectAltName, fingerprint256 } = certificate;
  const names = (subjectAltName ?? subject).split(/, |\n/).map((name) => name.replace(KIND, ''));
  return {
    ...(host === '' ? {} : { host }),
    issuer: issuer.replaceAll('\n', ', ').slice(0, ISSUER_MAX_CHARS),
    names: names.slice(0, NAMES_MAX_COUNT).map((name) => name.slice(0, NAME_MAX_CHARS)),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    ...(written.includes('-----BEGIN ') ? {} : { file: resolve(written) }),
    ...(fault === undefined ? {} : { fault: wireFault(fault) }),
  };
}

/** As it travels. */
export function wireFault({ code, message }: VhostError): NonNullable<CertificateFacts['fault']> {
  return { code, message: message.slice(0, MESSAGE_MAX_CHARS) };
}

/** What Node writes before a name of a certificate. */
const KIND = /^(?:DNS:|IP Address:|CN=)/;
/** What the master takes, and of names as many as anybody wants to read. */
const ISSUER_MAX_CHARS = 256;
const NAMES_MAX_COUNT = 25;
const NAME_MAX_CHARS = 255;
const MESSAGE_MAX_CHARS = 1024;
