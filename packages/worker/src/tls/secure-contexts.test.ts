import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import type { SecureEntry } from './secure-contexts.js';
import { SecureContexts } from './secure-contexts.js';

const identity = await selfSigned('a.test');
const folder = mkdtempSync(join(tmpdir(), 'secure-contexts-'));
after(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function failureOf(...entries: SecureEntry[]): VhostError {
  try {
    void new SecureContexts(entries);
  } catch (error) {
    assert.ok(error instanceof VhostError);
    assert.equal(error.code, 'ERR_TLS_KEY');
    return error;
  }
  return assert.fail('the entries were accepted');
}

void describe('the contexts of ssl entries', () => {
  void it('are read from PEM text or from files', () => {
    const key = fileOf('good.key', identity.key);
    const cert = fileOf('good.crt', identity.cert);
    const contexts = new SecureContexts([{ host: 'a.test', key, cert }, identity]);
    assert.deepEqual(contexts.fallback, identity);
    assert.ok(contexts.find('A.test'));
    assert.equal(contexts.find('b.test'), undefined);
  });

  void it('have the first address for clients that name no host, since nobody can name an address', async () => {
    const [named, four, six] = [
      await selfSigned('b.test'),
      await selfSigned('c.test'),
      await selfSigned('d.test'),
    ];
    const entries = [
      { host: 'a.test', ...identity },
      { host: 'b.test', ...named },
      { host: '[2001:db8::7]', ...six },
      { host: '192.0.2.7', ...four },
    ];
    assert.equal(new SecureContexts(entries).fallback.cert, six.cert);
    assert.equal(new SecureContexts(entries.slice(0, 2)).fallback.cert, identity.cert);
  });

  void it('take an encrypted key with its passphrase', () => {
    const key = createPrivateKey(identity.key)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' })
      .toString();
    const entry = { host: 'a.test', key, cert: identity.cert };
    assert.ok(new SecureContexts([{ ...entry, passphrase: 'open' }]).find('a.test'));
    assert.equal(failureOf({ ...entry, passphrase: 'wrong' }).info['field'], 'key');
    assert.equal(failureOf(entry).info['field'], 'key');
  });

  void it('are without a certificate while vhostd has not written its file yet', () => {
    const file = join(folder, 'issued.pem');
    const issued = { host: 'a.test', key: file, cert: file, issued: 'internal' } as const;
    const before = new SecureContexts([issued]);
    assert.deepEqual([before.fallback, before.faults], [{}, []]);
    fileOf('issued.pem', `${identity.key}${identity.cert}`);
    const there = new SecureContexts([issued], { kept: before });
    assert.equal(there.fallback.cert, `${identity.key}${identity.cert}`);
    assert.ok(there.find('a.test'));
    fileOf('issued.pem', 'no certificate');
    const spoilt = new SecureContexts([issued], { kept: there });
    assert.deepEqual(spoilt.fallback, there.fallback);
    assert.equal(spoilt.faults[0]?.code, 'ERR_TLS_KEY');
    assert.equal(new SecureContexts([issued]).faults[0]?.code, 'ERR_TLS_KEY');
  });

  void it('prefer the first of two entries with one host', async () => {
    const contexts = new SecureContexts([
      { host: 'a.test', ...identity },
      { host: 'A.TEST', ...(await selfSigned('a.test')) },
    ]);
    assert.equal(contexts.find('a.test'), contexts.find('A.test'));
    assert.deepEqual(contexts.fallback, identity);
  });

  void it('name the entry and the file that cannot be read', () => {
    const file = join(folder, 'missing.key');
    const { message, info } = failureOf(identity, { host: 'b.test', key: file, cert: identity.cert });
    assert.deepEqual(info, { entry: 1, host: 'b.test', field: 'key', file });
    assert.match(message, /^ssl entry 1 \(b\.test\), key from .*missing\.key: ENOENT/);
  });

  void it('name the file that holds no key or no certificate', () => {
    const file = fileOf('bad.pem', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
    assert.deepEqual(failureOf({ key: file, cert: identity.cert }).info, {
      entry: 0,
      host: '',
      field: 'key',
      file,
    });
    assert.deepEqual(failureOf({ key: identity.key, cert: file }).info, {
      entry: 0,
      host: '',
      field: 'cert',
      file,
    });
  });

  void it('refuse a certificate of another key, and an empty list', async () => {
    const { message } = failureOf({ key: identity.key, cert: (await selfSigned('b.test')).cert });
    assert.match(message, /belongs to another key/);
    assert.match(failureOf().message, /no ssl entry/);
    assert.match(failureOf({ key: '', cert: identity.cert }).message, /is required/);
  });

  void it('never show key text in a message', () => {
    const mangled = identity.key.replaceAll('-----', '');
    const oneLine = mangled.replaceAll('\n', '').repeat(40);
    for (const key of [mangled, oneLine]) {
      const error = failureOf({ key, cert: identity.cert });
      assert.ok(!JSON.stringify([error.message, error.info]).includes(mangled.slice(30, 60).trim()));
    }
  });
});

void describe('faults of certificates', () => {
  void it('are those of names and dates; IP addresses are names, wildcards are not looked at', async () => {
    const ip = await selfSigned('a.test');
    const codes = (host: string): unknown[] =>
      new SecureContexts([{ host, ...ip }]).faults.map(({ code }) => code);
    assert.deepEqual(codes('a.test'), []);
    assert.deepEqual(codes('A.test'), []);
    assert.deepEqual(codes('*.a.test'), []);
    for (const host of ['b.test', 'x.a.test', '127.0.0.1', '[::1]'])
      assert.deepEqual(codes(host), ['ERR_TLS_HOST'], host);
  });

  void it('leave each other entry its new files', async () => {
    const [key, cert, other] = ['k.pem', 'c.pem', 'o.pem'].map((name) => join(folder, name));
    assert.ok(key !== undefined && cert !== undefined && other !== undefined);
    const put = (name: string, text: string): string => fileOf(name, text);
    put('k.pem', identity.key);
    put('c.pem', identity.cert);
    put('o.pem', identity.cert);
    const entries = [
      { host: 'a.test', key, cert },
      { host: '*.a.test', key, cert: other },
    ];
    const before = new SecureContexts(entries);
    const fresh = await selfSigned('a.test');
    put('c.pem', 'garbage');
    put('k.pem', fresh.key);
    put('o.pem', fresh.cert);
    const next = new SecureContexts(entries, { kept: before });
    assert.deepEqual(
      next.faults.map(({ code, info }) => [code, info['entry']]),
      [['ERR_TLS_KEY', 0]],
    );
    assert.deepEqual(
      next.certificates.map(({ host, names, fault }) => [host, names, fault?.code]),
      [
        ['a.test', ['a.test'], 'ERR_TLS_KEY'],
        ['*.a.test', ['a.test'], undefined],
      ],
    );
    const [first, second] = entries.map((entry) => next.pairOf(entry));
    assert.deepEqual(first, identity);
    assert.deepEqual(second, fresh);
  });

  void it('a site asks all of its clients for the same', () => {
    const entry = { host: 'a.test', ...identity };
    const differ = [entry, { ...entry, host: 'b.test', requestCert: true, ca: identity.cert }];
    assert.throws(() => new SecureContexts(differ), { code: 'ERR_TLS_DEMANDS' });
  });
});
