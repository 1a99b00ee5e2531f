import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CertificateStatus, RenewalStatus } from '@vhostd/protocol';
import { certificateDetails, certificatesFor, certificateTable } from './certificate-report.js';

const NOW = Date.parse('2026-03-01T00:00:00Z');
const ONE: CertificateStatus = {
  siteId: 'shop',
  host: 'a.example',
  issuer: "C=US, O=Let's Encrypt, CN=R11",
  names: ['a.example', 'www.a.example'],
  notBefore: '2026-01-01T00:00:00.000Z',
  notAfter: '2026-04-01T00:00:00.000Z',
  renewFrom: '2026-03-02T00:00:00.000Z',
  fingerprint: 'a'.repeat(64),
  file: '/etc/tls/cert.pem',
  state: 'good',
  workers: 2,
};
const { host: _host, file: _file, ...EVERY } = ONE;

void it('a line a certificate within 80 characters, those that end first above, then what is wrong', () => {
  const fault = { code: 'ERR_TLS_KEY', message: 'no pair', since: '2026-03-01T00:00:00.000Z' };
  const long = {
    ...ONE,
    host: `${'long.'.repeat(12)}example`,
    siteId: 'a-site-with-a-long-name',
    issuer: 'O=Somebody who calls himself so, C=DE',
    notAfter: '2026-02-01T00:00:00.000Z',
    state: 'expired' as const,
    fault,
  };
  const lines = certificateTable({ certificates: [ONE, EVERY, long] }, 80, NOW);
  assert.deepEqual(lines, [
    'HOST                        SITE          STATE     UNTIL       LEFT    ISSUER',
    'long.long.long.long.long.…  a-site-with…  expired!  2026-02-01  -       Somebod…',
    'a.example                   shop          good      2026-04-01  31d 0h  R11',
    '*                           shop          good      2026-04-01  31d 0h  R11',
    '',
    `${long.host}: ERR_TLS_KEY: no pair`,
  ]);
  assert.deepEqual(certificateTable({ certificates: [] }, 80, NOW), ['no certificates']);
});

void it('all of one, with when it should be renewed and by whom', () => {
  assert.deepEqual(certificateDetails({ certificates: [ONE, EVERY] }, NOW).slice(0, 12), [
    'host     a.example',
    'site     shop',
    'names    a.example, www.a.example',
    "issuer   C=US, O=Let's Encrypt, CN=R11",
    'good     from 2026-01-01T00:00:00.000Z until 2026-04-01T00:00:00.000Z',
    'state    good, 31d 0h left',
    'renewal  due from 2026-03-02T00:00:00.000Z on, by who writes its file',
    'file     /etc/tls/cert.pem',
    `sha256   ${'a'.repeat(64)}`,
    'workers  2',
    '',
    'host     *',
  ]);
});

void it('a host has the certificates of its name, else of the longest wildcard, else of every host', () => {
  const of = (host: string | undefined): CertificateStatus => (host === undefined ? EVERY : { ...ONE, host });
  const all = [undefined, '*.example', '*.a.example', 'a.example'].map(of);
  const found = (host: string): string[] => certificatesFor(host, all).map((one) => one.host ?? '*');
  assert.deepEqual(found('A.example.'), ['a.example']);
  assert.deepEqual(found('x.y.a.example'), ['*.a.example']);
  assert.deepEqual(found('*.a.example'), ['*.a.example']);
  assert.deepEqual(found('b.example'), ['*.example']);
  assert.deepEqual(found('other'), ['*']);
  assert.deepEqual(certificatesFor('other', [ONE]), []);
});

void it('of those that vhostd keeps, when the next one comes and why then, also where there is none yet', () => {
  const renewal: RenewalStatus = {
    siteId: 'shop',
    kind: 'auto',
    host: 'a.example',
    authority: 'https://ca.example/dir',
    nextRenewal: '2026-03-02T00:00:00.000Z',
    nextRenewalReason: 'window',
    attemptsLeft: 5,
  };
  const waiting: RenewalStatus = {
    ...renewal,
    host: 'b.example',
    nextRenewalReason: 'retry',
    lastError: { code: 'ERR_ACME_CHALLENGE', message: 'in vain', at: '2026-03-01T00:00:00.000Z' },
    attemptsLeft: 4,
  };
  const known = { certificates: [ONE], renewals: [renewal, waiting] };
  assert.deepEqual(certificateTable(known, 80, NOW), [
    'HOST       SITE  STATE     UNTIL       LEFT    ISSUER',
    'b.example  shop  awaited!  -           -       -',
    'a.example  shop  good      2026-04-01  31d 0h  R11',
    '',
    'b.example: ERR_ACME_CHALLENGE: in vain; 2026-03-02T00:00:00.000Z, the next attempt after one that failed',
  ]);
  const lines = certificateDetails(known, NOW);
  assert.deepEqual(lines.slice(9), [
    'authority  https://ca.example/dir',
    'renewal    2026-03-02T00:00:00.000Z, when the authority wants it',
    'attempts   5 left within an hour',
    '',
    'host       b.example',
    'site       shop',
    'state      awaited: handshakes are refused until it is there',
    'authority  https://ca.example/dir',
    'renewal    2026-03-02T00:00:00.000Z, the next attempt after one that failed',
    'error      ERR_ACME_CHALLENGE: in vain (at 2026-03-01T00:00:00.000Z)',
    'attempts   4 left within an hour',
  ]);
});
