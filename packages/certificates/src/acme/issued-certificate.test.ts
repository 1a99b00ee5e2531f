import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { InternalAuthority } from '../internal/internal-authority.js';
import { checkIssued } from './issued-certificate.js';

void test('what is not for the key and the name, has ended already or is no certificate is not taken', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'issued-certificate-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const authority = await InternalAuthority.open(stateDir);
  const [pem, address] = [await authority.issue('a.test'), await authority.issue('[::1]')];
  const key = createPrivateKey(pem);
  checkIssued(pem, 'a.test', key);
  checkIssued(address, '::1', createPrivateKey(address));
  const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const later = Date.now() + 40 * 24 * 60 * 60 * 1000;
  for (const [why, check] of [
    [/is for another key/, () => checkIssued(pem, 'a.test', other)],
    [/is for DNS:a\.test/, () => checkIssued(pem, 'b.test', key)],
    [/is for IP Address:/, () => checkIssued(address, '127.0.0.1', createPrivateKey(address))],
    [/which is over by the clock/, () => checkIssued(pem, 'a.test', key, later)],
    [/is no certificate/, () => checkIssued('garbage', 'a.test', key)],
  ] as const) {
    assert.throws(check, { code: 'ERR_ACME_REFUSED', message: why });
  }
});
