// Keys and self-signed certificates, made for each test run so that no private key lies in the repository.
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A key and its certificate as PEM text. */
export interface SelfSigned {
  key: string;
  cert: string;
}

/** A certificate for these DNS names, good for a year. */
export async function selfSigned(...names: [string, ...string[]]): Promise<SelfSigned> {
  return await make(names);
}

/** One that has just expired. */
export async function expired(name: string): Promise<SelfSigned> {
  const now = Date.now();
  return await make([name], { notBeforeDate: new Date(now - 60_000), notAfterDate: new Date(now - 5000) });
}

/** One with a day left of ten. */
export async function aging(name: string): Promise<SelfSigned> {
  const now = Date.now();
  return await make([name], {
    notBeforeDate: new Date(now - 9 * DAY_MS),
    notAfterDate: new Date(now + DAY_MS),
  });
}

/** One that names its subject in another way than by a common name. */
export async function withoutCommonName(name: string): Promise<SelfSigned> {
  return await make([name], {}, { name: 'organizationName', value: 'fleet' });
}

async function make(
  names: [string, ...string[]],
  dates: { notBeforeDate?: Date; notAfterDate?: Date } = {},
  subject: { name: string; value: string } = { name: 'commonName', value: names[0] },
): Promise<SelfSigned> {
  const { private: key, cert } = await generate([subject], {
    ...dates,
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: names.map(altNameOf) }],
  });
  return { key, cert };
}

/** RFC 5280 4.2.1.6: dNSName, or iPAddress. */
function altNameOf(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

const DAY_MS = 24 * 3_600_000;
