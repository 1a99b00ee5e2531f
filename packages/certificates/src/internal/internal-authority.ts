// The machine's own certificate authority: a key that never leaves the state directory, and a certificate that people who
// use the sites tell their system to trust.
import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { certificateName, HOSTLESS_CERTIFICATE, readWhole, VhostError, writeWhole } from '@vhostd/protocol';
import { locked } from '../files/lock.js';
import type { Issuer } from '../issuer.js';

export class InternalAuthority implements Issuer {
  readonly directory: string;
  readonly name = 'internal';
  /** Absolute path of its own certificate, which is no secret. */
  readonly rootFile: string;
  /** Its own certificate, as PEM text. */
  readonly root: string;
  readonly #key: webcrypto.CryptoKey;
  readonly #certificate: X509Certificate;

  private constructor(directory: string, { root, key }: { root: string; key: webcrypto.CryptoKey }) {
    this.directory = directory;
    this.rootFile = join(directory, ROOT_FILE);
    this.root = root;
    this.#key = key;
    this.#certificate = new X509Certificate(root);
  }

  /**
   * The one of a state directory, made if there is none, or if it has less than a year to go.
   * @throws {VhostError} ERR_CERTIFICATE_STORE, ERR_LOCK_FAILED.
   */
  static async open(stateDir: string): Promise<InternalAuthority> {
    const directory = join(stateDir, 'certificates', 'internal');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const made = await locked(join(directory, 'root.lock'), () => openRoot(directory), { retries: 300 });
      if (made === undefined) throw new Error('another process has been making it for 30 s');
      return new InternalAuthority(directory, made.value);
    } catch (cause) {
      if (cause instanceof VhostError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new VhostError(
        'ERR_CERTIFICATE_STORE',
        `the authority in ${directory} can't be used: ${reason}`,
        {
          info: { path: directory },
          cause,
        },
      );
    }
  }

  vouchesFor(pem: string): boolean {
    const certificate = new X509Certificate(pem);
    return certificate.checkIssued(this.#certificate) && certificate.verify(this.#certificate.publicKey);
  }

  /** Good for 30 days, but not for longer than the authority. */
  async issue(host: string): Promise<string> {
    const { name, names } = namesOf(host);
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: [{ CN: [name] }],
      issuer: new x509.X509Certificate(this.root).subject,
      ...validFor(LEAF_LIFETIME_MS, Date.parse(this.#certificate.validTo)),
      publicKey: keys.publicKey,
      signingKey: this.#key,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(new x509.X509Certificate(this.root)),
      ],
    });
    return `${await keyPem(keys.privateKey)}${certificate.toString('pem')}\n`;
  }
}

/** Its certificate and key. They are written as one, so that they are always a pair; the certificate once more. */
async function openRoot(directory: string): Promise<{ root: string; key: webcrypto.CryptoKey }> {
  const pair = readWhole(join(directory, PAIR_FILE)) ?? (await makeRoot(directory));
  const { root, key } = await readPair(pair);
  if (Date.parse(new X509Certificate(root).validTo) - Date.now() < ROOT_RENEWAL_MS)
    return await readPair(await makeRoot(directory));
  if (readWhole(join(directory, ROOT_FILE)) !== root)
    writeWhole(join(directory, ROOT_FILE), root, { mode: 0o644 });
  return { root, key };
}

async function makeRoot(directory: string): Promise<string> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ O: ['vhostd'] }, { CN: [`vhostd internal authority of ${hostname()}`.slice(0, 64)] }],
    ...validFor(ROOT_LIFETIME_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const root = `${certificate.toString('pem')}\n`;
  const pair = `${await keyPem(keys.privateKey)}${root}`;
  writeWhole(join(directory, PAIR_FILE), pair);
  writeWhole(join(directory, ROOT_FILE), root, { mode: 0o644 });
  return pair;
}

async function readPair(pair: string): Promise<{ root: string; key: webcrypto.CryptoKey }> {
  const [keyText = ''] = /^-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(pair) ?? [];
  const [der] = x509.PemConverter.decode(keyText);
  if (der === undefined) throw new Error(`${PAIR_FILE} has no key`);
  const key = await webcrypto.subtle.importKey('pkcs8', der, CURVE, false, ['sign']);
  return { root: pair.slice(keyText.length), key };
}

/** `name`: its common name, of which a certificate takes 64 letters. */
function namesOf(host: string): { name: string; names: x509.JsonGeneralNames } {
  const bare = host.replaceAll(/[[\]]/g, '');
  const own: x509.JsonGeneralNames = [{ type: isIP(bare) === 0 ? 'dns' : 'ip', value: bare }];
  const names = host === HOSTLESS_CERTIFICATE ? [...own, ...LOOPBACK] : own;
  return { name: certificateName(host).slice(0, 64), names };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

/** Positive, and of 16 bytes (RFC 5280 4.1.2.2). */
function newSerial(): string {
  const bytes = webcrypto.getRandomValues(Buffer.alloc(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** From a little earlier, for clocks that are slow. */
function validFor(lifetimeMs: number, atMost: number = Infinity): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 300_000), notAfter: new Date(Math.min(now + lifetimeMs, atMost)) };
}

x509.cryptoProvider.set(webcrypto);

const LOOPBACK: x509.JsonGeneralNames = [
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
];
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;
const LEAF_LIFETIME_MS = 30 * DAY_MS;
const ROOT_LIFETIME_MS = 10 * 365 * DAY_MS;
const ROOT_RENEWAL_MS = 365 * DAY_MS;
/** Key and certificate of the authority. */
const PAIR_FILE = 'root.key.pem';
/** Its certificate alone, to be trusted. */
const ROOT_FILE = 'root.pem';
