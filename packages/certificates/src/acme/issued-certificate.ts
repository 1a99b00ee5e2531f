// Whether what an authority has issued is what was ordered: it takes the place of a certificate that is good.
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { VhostError } from '@vhostd/protocol';

/** `name`: a host name, or an IP address without brackets. @throws {VhostError} ERR_ACME_REFUSED. */
export function checkIssued(chain: string, name: string, key: KeyObject, now: number = Date.now()): void {
  const certificate = read(chain);
  const { validFrom, validTo, subjectAltName, subject } = certificate;
  const names = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
  if (!certificate.checkPrivateKey(key)) throw unfit(name, 'is for another key');
  if (names === undefined) throw unfit(name, `is for ${subjectAltName ?? subject}`);
  if (Date.parse(validTo) <= now)
    throw unfit(
      name,
      `is good from ${validFrom} until ${validTo}, which is over by the clock of this machine`,
    );
}

function read(chain: string): X509Certificate {
  try {
    return new X509Certificate(chain);
  } catch (cause) {
    throw new VhostError('ERR_ACME_REFUSED', 'what the authority has issued is no certificate', { cause });
  }
}

function unfit(name: string, why: string): VhostError {
  const message = `the certificate that the authority has issued for ${name} ${why}`.slice(
    0,
    MESSAGE_MAX_CHARS,
  );
  return new VhostError('ERR_ACME_REFUSED', message);
}

const MESSAGE_MAX_CHARS = 1000;
