import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { InternalAuthority } from './internal-authority.js';

function stateDir(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'internal-authority-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

void test('an authority is made once, also where several open it at the same time', async (t) => {
  const directory = stateDir(t);
  const opened = await Promise.all([1, 2, 3].map(() => InternalAuthority.open(directory)));
  assert.equal(new Set(opened.map(({ root }) => root)).size, 1);
  const again = await InternalAuthority.open(directory);
  assert.equal(again.root, opened[0]?.root);
  assert.equal(readFileSync(again.rootFile, 'utf8'), again.root);
  const own = new X509Certificate(again.root);
  assert.ok(own.ca);
  assert.ok(own.verify(own.publicKey));
});

void test('its key is for its owner only', async (t) => {
  const authority = await InternalAuthority.open(stateDir(t));
  const file = join(authority.directory, 'root.key.pem');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(authority.directory).mode & 0o777, 0o700);
  assert.ok(new X509Certificate(authority.root).checkPrivateKey(createPrivateKey(readFileSync(file))));
  assert.ok(!authority.root.includes('PRIVATE'));
});

void test('what it issues is a pair for the host, which it vouches for and another authority does not', async (t) => {
  const authority = await InternalAuthority.open(stateDir(t));
  const other = await InternalAuthority.open(stateDir(t));
  const cases: [host: string, names: string][] = [
    ['a.test', 'DNS:a.test'],
    ['*.a.test', 'DNS:*.a.test'],
    ['localhost', 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'],
    ['10.0.0.1', 'IP Address:10.0.0.1'],
    ['[::1]', 'IP Address:0:0:0:0:0:0:0:1'],
    [`${'a.'.repeat(60)}test`, `DNS:${'a.'.repeat(60)}test`],
  ];
  for (const [host, names] of cases) {
    const pem = await authority.issue(host);
    const certificate = new X509Certificate(pem);
    assert.equal(certificate.subjectAltName, names);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(pem)));
    assert.ok(authority.vouchesFor(pem));
    assert.ok(!other.vouchesFor(pem));
    const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days <= 30, String(days));
  }
});

void test('an authority that can not be read is an error, and stays', async (t) => {
  const directory = stateDir(t);
  const { directory: own } = await InternalAuthority.open(directory);
  const file = join(own, 'root.key.pem');
  writeFileSync(file, 'no key');
  await assert.rejects(InternalAuthority.open(directory), { code: 'ERR_CERTIFICATE_STORE' });
  assert.equal(readFileSync(file, 'utf8'), 'no key');
});
