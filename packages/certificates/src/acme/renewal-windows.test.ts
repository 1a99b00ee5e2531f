import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { InternalAuthority } from '../internal/internal-authority.js';
import { AcmeDirectory } from './acme-directory.js';
import { renewalId, RenewalWindows } from './renewal-windows.js';

/** The example of RFC 9773 4.1. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`;

void test('a certificate is called what the standard calls it', () => {
  assert.equal(renewalId(EXAMPLE), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  assert.equal(renewalId('no certificate'), undefined);
});

void test('a window is asked for by that name, and again not before the authority says so', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'renewal-windows-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const pem = await (await InternalAuthority.open(stateDir)).issue('a.test');
  const asked: string[] = [];
  const start = new Date(1000).toISOString();
  const end = new Date(2000).toISOString();
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Retry-After', '3600');
    const { host = '' } = request.headers;
    const directory = { renewalInfo: `http://${host}/renewal` };
    response.end(JSON.stringify(request.url === '/dir' ? directory : { suggestedWindow: { start, end } }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const windows = new RenewalWindows(new AcmeDirectory(`http://127.0.0.1:${port}/dir`));
  for (let look = 0; look < 2; look += 1) assert.deepEqual(await windows.of(pem), { start: 1000, end: 2000 });
  assert.deepEqual(asked, ['/dir', `/renewal/${renewalId(pem)}`]);
});
