// A frozen site whose clients speak TLS: what has changed meanwhile is in force with the first connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { selfSigned } from '../../kit/certificate.js';
import type { SelfSigned } from '../../kit/certificate.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { frozen } from './frozen-site.js';

const HOST = 'a.test';

/** The certificate that a new connection is shown, in base64. */
async function shown(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername: HOST, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const raw = socket.getPeerCertificate().raw.toString('base64');
  socket.destroy();
  return raw;
}

function rawOf({ cert }: SelfSigned): string {
  return cert.replaceAll(/-----[A-Z ]+-----|\s/g, '');
}

function put(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}

test('a certificate that was renewed while a site stood still is shown to the first client', async (t) => {
  const [first, second] = [await selfSigned(HOST), await selfSigned(HOST)];
  const listen = [
    { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', key: 'tls/key.pem', cert: 'tls/cert.pem' },
  ];
  const write = (dir: string, { key, cert }: SelfSigned): void => {
    put(join(dir, 'tls/key.pem'), key);
    put(join(dir, 'tls/cert.pem'), cert);
  };
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', cpuLen: 2, idleFreeze: '300ms', listen }],
    prepare: (dir) => {
      mkdirSync(join(dir, 'tls'));
      write(dir, first);
    },
  });
  const port = await vhostd.port('ssl');
  await frozen(vhostd);
  assert.equal(await shown(port), rawOf(first));
  for (const pair of [second, first]) {
    await frozen(vhostd);
    write(vhostd.dir, pair);
    // Until the worker would have looked twice.
    await delay(100);
    assert.equal(await shown(port), rawOf(pair));
  }
});
