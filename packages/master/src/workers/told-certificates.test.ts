import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCertificates, withSince } from './told-certificates.js';

const FACTS = {
  host: 'a.test',
  issuer: 'CN=ca',
  names: ['a.test'],
  notBefore: 0,
  notAfter: 300,
  fingerprint: 'a'.repeat(64),
};

test('facts are taken as they should be; others, and what else a worker says of them, are left out', () => {
  const wrong: unknown[] = [
    null,
    7,
    { ...FACTS, host: 'x'.repeat(300) },
    { ...FACTS, host: 1 },
    { ...FACTS, issuer: undefined },
    { ...FACTS, names: 'a.test' },
    { ...FACTS, names: Array.from({ length: 101 }, () => 'a') },
    { ...FACTS, notAfter: 8.65e15 },
    { ...FACTS, notAfter: 1.5 },
    { ...FACTS, notBefore: '0' },
    { ...FACTS, fingerprint: 'x'.repeat(64) },
    { ...FACTS, fingerprint: 'a'.repeat(65) },
    { ...FACTS, file: 'x'.repeat(5000) },
    { ...FACTS, fault: { code: 'E', message: 'x'.repeat(2000) } },
  ];
  assert.deepEqual(parseCertificates({ certificates: [...wrong, { ...FACTS, key: 'PEM' }] }), [FACTS]);
  for (const received of [undefined, null, 7, 'x', [], {}, { certificates: FACTS }]) {
    assert.deepEqual(parseCertificates(received), []);
  }
});

test('of a worker no more than 200 are looked at', () => {
  const many = Array.from({ length: 100_000 }, () => FACTS);
  assert.equal(parseCertificates({ certificates: many }).length, 200);
});

test('a fault is known since it was first reported', () => {
  const fault = { code: 'ERR_TLS_KEY', message: 'no pair' };
  const first = withSince([{ ...FACTS, fault }, FACTS], [], 10);
  assert.deepEqual(
    first.map(({ since }) => since),
    [10, undefined],
  );
  const later = withSince(
    [
      { ...FACTS, fault, fingerprint: 'b'.repeat(64) },
      { ...FACTS, fault: { ...fault, message: 'ENOENT' } },
    ],
    first,
    20,
  );
  assert.deepEqual(
    later.map(({ since }) => since),
    [10, 20],
  );
});
