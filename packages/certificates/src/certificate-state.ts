// What is known of one certificate, in a file beside it that has no secrets.
import { X509Certificate } from 'node:crypto';
import { readWhole, writeWhole } from '@vhostd/protocol';
import type { CertificateState } from '@vhostd/protocol';
import { certificateState } from '@vhostd/protocol/schemas';

/** What a certificate says of itself. */
export interface CertificateFacts {
  readonly issuer: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Undefined where there is none, or nothing that can be understood. @throws {Error} it can't be read. */
export function readState(file: string): CertificateState | undefined {
  const text = readWhole(file);
  if (text === undefined) return undefined;
  try {
    return certificateState.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function writeState(file: string, state: CertificateState): void {
  writeWhole(file, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o644 });
}

/** Of the first certificate of a PEM text. @throws {Error} there is none. */
export function factsOf(pem: string): CertificateFacts {
  const { issuer, serialNumber, validFrom, validTo } = new X509Certificate(pem);
  return {
    issuer: issuer.replaceAll('\n', ', '),
    serialNumber,
    notBefore: new Date(validFrom).toISOString(),
    notAfter: new Date(validTo).toISOString(),
  };
}
