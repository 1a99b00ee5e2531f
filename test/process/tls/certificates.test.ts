// Keys and certificates of ssl entries: taken up when the files change, kept where the new ones are no good; what is asked
// of clients.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { seenBy } from '../../kit/ask-site.js';
import { expired, selfSigned } from '../../kit/certificate.js';
import type { SelfSigned } from '../../kit/certificate.js';
import { openSecure } from '../../kit/secure-client.js';
import { startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { TlsSession } from '../../kit/tls-sessions.js';
import { until } from '../../kit/until.js';

const HOST = 'a.test';
const PLACE = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1' };

/** Each file whole, one behind the other, as certbot and cert-manager do. */
function put(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}

async function start(t: TestContext, kind: string | undefined, pair: SelfSigned): Promise<LoneMaster> {
  const options = kind === undefined ? {} : { workerFile: 'app.cjs' };
  const keys = { key: 'tls/key.pem', cert: 'tls/cert.pem' };
  return await startVhostd(t, {
    sites: [{ siteId: 'a', cpuLen: 2, balance: 'round-robin', listen: [{ ...PLACE, ...keys }], ...options }],
    prepare: (dir) => {
      mkdirSync(join(dir, 'tls'));
      put(join(dir, keys.key), pair.key);
      put(join(dir, keys.cert), pair.cert);
      if (kind !== undefined) {
        writeFileSync(
          join(dir, 'app.cjs'),
          `require('node:${kind}').${kind === 'https' ? 'createServer' : 'createSecureServer'}({ allowHTTP1: true, keepAliveTimeout: 0 },
            (q, r) => r.end('ok')).listen(443);`,
        );
      }
    },
  });
}

/** The certificates of some new connections. */
async function seen(port: number, count = 6): Promise<Set<string>> {
  const found = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const socket = connect({ port, host: '127.0.0.1', servername: HOST, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    found.add(socket.getPeerCertificate().raw.toString('base64'));
    socket.destroy();
  }
  return found;
}

function raw({ cert }: SelfSigned): string {
  return cert.replaceAll(/-----[A-Z ]+-----|\s/g, '');
}

async function becomes(port: number, pair: SelfSigned): Promise<void> {
  await until('all workers have the new certificate', async () => {
    const value = [...(await seen(port))];
    return { done: value.length === 1 && value[0] === raw(pair), value };
  });
}

void describe('the files of an ssl entry', { concurrency: 2 }, () => {
  for (const kind of [undefined, 'https', 'http2']) {
    void it(`are taken up by every worker when they change: ${kind ?? 'http'}`, async (t) => {
      const [first, second] = await Promise.all([selfSigned(HOST), selfSigned(HOST)]);
      const vhostd = await start(t, kind, first);
      const port = await vhostd.port('ssl');
      const pids = workerPids(await vhostd.status());
      assert.deepEqual([...(await seen(port))], [raw(first)]);
      const open = await openSecure(port, HOST);
      const request = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
      open.send(request);
      assert.equal((await open.answer()).status, 200);
      put(join(vhostd.dir, 'tls/cert.pem'), second.cert);
      put(join(vhostd.dir, 'tls/key.pem'), second.key);
      await becomes(port, second);
      open.send(request);
      assert.equal((await open.answer()).status, 200);
      open.close();
      assert.deepEqual(workerPids(await vhostd.status()), pids);
    });
  }

  void it('leave what is in force where they are no good, and say why', async (t) => {
    const [first, old, other, last] = await Promise.all([
      selfSigned(HOST),
      expired(HOST),
      selfSigned('other.test'),
      selfSigned(HOST),
    ]);
    const vhostd = await start(t, undefined, first);
    const port = await vhostd.port('ssl');
    const file = (name: string): string => join(vhostd.dir, 'tls', name);
    const cases: [code: RegExp, change: () => void][] = [
      [/ERR_TLS_KEY: .*belongs to another key/, () => put(file('cert.pem'), last.cert)],
      [/ERR_TLS_KEY: .*PEM/, () => put(file('cert.pem'), 'no certificate')],
      [
        /ERR_TLS_DATE: .*expired at/,
        () => {
          put(file('key.pem'), old.key);
          put(file('cert.pem'), old.cert);
        },
      ],
      [
        /ERR_TLS_HOST: .*not for a\.test, but for DNS:other\.test/,
        () => {
          put(file('key.pem'), other.key);
          put(file('cert.pem'), other.cert);
        },
      ],
    ];
    for (const [code, change] of cases) {
      change();
      await vhostd.says(code);
      assert.deepEqual([...(await seen(port))], [raw(first)], String(code));
    }
    put(file('key.pem'), last.key);
    put(file('cert.pem'), last.cert);
    await becomes(port, last);
  });
});

void describe('what is asked of clients', () => {
  async function ask(vhostd: LoneMaster, options: ConnectionOptions): Promise<string> {
    const socket = connect({
      port: await vhostd.port('ssl'),
      host: '127.0.0.1',
      servername: HOST,
      rejectUnauthorized: false,
      ...options,
    });
    socket.end(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    let text = '';
    try {
      for await (const chunk of socket) text += String(chunk);
    } catch (error) {
      return String(error);
    }
    return text;
  }

  function site(options: Record<string, unknown>, keys: SelfSigned): SiteOptions {
    return { siteId: 'a', listen: [{ ...PLACE, ...keys, ...options }] };
  }

  void it('is a certificate, of the right signer; a session from before does not help', async (t) => {
    const [keys, client, stranger] = await Promise.all([
      selfSigned(HOST),
      selfSigned('client.test'),
      selfSigned('client.test'),
    ]);
    const vhostd = await startVhostd(t, { sites: [site({}, keys)] });
    const port = await vhostd.port('ssl');
    const sessions = await Promise.all(
      (['TLSv1.2', 'TLSv1.3'] as const).map((maxVersion) =>
        TlsSession.begin({ port, servername: HOST, maxVersion }),
      ),
    );
    vhostd.configure([site({ requestCert: true, ca: client.cert }, keys)]);
    await vhostd.reloaded();
    assert.match(await ask(vhostd, client), /^HTTP\/1.1 200/);
    assert.doesNotMatch(await ask(vhostd, stranger), /HTTP/);
    assert.doesNotMatch(await ask(vhostd, {}), /HTTP/);
    for (const session of sessions) await assert.rejects(session.goOn(1, await vhostd.port('ssl')));
    assert.match(await ask(vhostd, client), /^HTTP\/1.1 200/);
  });

  void it('is a version', async (t) => {
    const keys = await selfSigned(HOST);
    const vhostd = await startVhostd(t, { sites: [site({ minVersion: 'TLSv1.3' }, keys)] });
    assert.match(await ask(vhostd, { maxVersion: 'TLSv1.2' }), /protocol.version/i);
    assert.match(await ask(vhostd, {}), /^HTTP\/1.1 200/);
  });
});

void it('an entry in clear of an app that speaks TLS only is refused', async (t) => {
  const keys = await selfSigned(HOST);
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', listen: [{ ...PLACE, ...keys }], workerOptions: { env: { TLS: 'https' } } }],
  });
  vhostd.change('a', {
    listen: [
      { ...PLACE, ...keys },
      { ...PLACE, type: 'tcp', port: 0 },
    ],
  });
  const { sites } = await vhostd.reload('a');
  assert.equal(sites[0]?.error?.code, 'ERR_TLS_SERVER');
  const client = await openSecure(await vhostd.port('ssl'), HOST);
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
  assert.equal(seenBy(await client.answer()).siteId, 'a');
  client.close();
});
