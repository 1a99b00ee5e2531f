import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { certificateFacts } from '@vhostd/protocol/schemas';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { factsOf } from './certificate-facts.js';

const { key, cert } = await selfSigned('a.test', '*.a.test');

void describe('the facts of a certificate', () => {
  void it('are what the master takes, and nothing of the key', () => {
    const facts = factsOf({ host: 'a.test', pem: cert, written: 'tls/cert.pem', fault: undefined });
    const { fingerprint256, validFrom, validTo } = new X509Certificate(cert);
    assert.deepEqual(facts, {
      host: 'a.test',
      issuer: 'CN=a.test',
      names: ['a.test', '*.a.test'],
      notBefore: Date.parse(validFrom),
      notAfter: Date.parse(validTo),
      fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
      file: resolve('tls/cert.pem'),
    });
    assert.deepEqual(certificateFacts.parse(facts), facts);
    assert.ok(!JSON.stringify(facts).includes(key.split('\n')[1] ?? key));
  });

  void it('have no host where the entry has none, and no file where the conf holds the text', () => {
    const fault = new VhostError('ERR_TLS_KEY', 'x'.repeat(5000));
    const facts = factsOf({ host: '', pem: cert, written: cert, fault });
    assert.deepEqual([facts.host, facts.file, facts.fault?.code], [undefined, undefined, 'ERR_TLS_KEY']);
    assert.deepEqual(certificateFacts.parse(facts), facts);
  });

  void it('name so many names of it as anybody wants to read', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `n${index}.test`);
    const many = await selfSigned('a.test', ...names);
    const facts = factsOf({ host: '', pem: many.cert, written: '', fault: undefined });
    assert.deepEqual(facts.names, ['a.test', ...names.slice(0, 24)]);
  });
});
