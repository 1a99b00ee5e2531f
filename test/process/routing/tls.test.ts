// TLS connections are routed by the name in their hello, however it is cut; anything else is refused and closed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { seenBy } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { descriptorCount } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { splitRecords } from '../../kit/split-records.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const ALERT_UNEXPECTED_MESSAGE = 10;
const ALERT_DECODE_ERROR = 50;

async function start(t: TestContext): Promise<LoneMaster> {
  const sites = await Promise.all(
    ['a', 'b'].map(async (siteId) => {
      const place = { host: `${siteId}.test`, port: 0, ipaddress: '127.0.0.1' };
      const keys = await selfSigned(place.host);
      const listen = [
        { type: 'ssl', ...place, ...keys },
        { type: 'tcp', ...place },
      ];
      return { siteId, listen };
    }),
  );
  return await startVhostd(t, { conf: { limits: { headTimeout: '8s', helloMaxSize: '128kb' } }, sites });
}

async function secure(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket, host: string): Promise<string> {
  const client = new WireClient(socket);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const { siteId } = seenBy(await client.answer());
  client.close();
  return siteId;
}

test('a site brings its own keys while it loads; a change that is refused leaves them as they are', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'self', workerFile: siteFile('self-keyed', import.meta.url), listen: undefined }],
  });
  const port = await vhostd.port('ssl');
  const names = async (...asked: string[]): Promise<string[]> => {
    const found: string[] = [];
    for (const servername of asked) {
      const socket = await secure({ port, servername });
      found.push(String(socket.getPeerCertificate().subject.CN));
      assert.equal(await ask(socket, servername), 'self');
    }
    return found;
  };
  assert.deepEqual(await names('one.test'), ['one.test']);
  assert.equal(await vhostd.callSite('self', 'keys', ['two.test', 'one.test', 'no host!']), 'ERR_CONF_HOST');
  assert.deepEqual(await names('one.test'), ['one.test']);
  assert.equal(await vhostd.callSite('self', 'keys', ['two.test', 'one.test']), 'ok');
  assert.deepEqual(await names('one.test', 'two.test'), ['one.test', 'two.test']);
});

test('connections to a TLS listener', async (t) => {
  const vhostd = await start(t);
  const port = await vhostd.port('ssl');

  await t.test('the name in the hello decides about site and certificate', async () => {
    for (const siteId of ['a', 'b', 'a']) {
      const socket = await secure({ port, servername: `${siteId}.test` });
      assert.equal(socket.getPeerCertificate().subject.CN, `${siteId}.test`);
      assert.equal(await ask(socket, `${siteId}.test`), siteId);
    }
    assert.deepEqual((await vhostd.status()).counts.refused, {});
  });

  await t.test('a hello of more than 60 KB in records of one byte is routed', async () => {
    const protocols = Array.from({ length: 240 }, (_, at) => `${at}`.padStart(255, 'p'));
    for (const [size, ALPNProtocols] of [
      [1, ['http/1.1']],
      [1, [...protocols, 'http/1.1']],
      [1000, [...protocols, 'http/1.1']],
    ] as const) {
      const tcp = connectTcp({ port, host: '127.0.0.1', noDelay: true });
      await once(tcp, 'connect');
      const socket = await secure({
        socket: splitRecords(tcp, size),
        servername: 'b.test',
        ALPNProtocols: [...ALPNProtocols],
      });
      assert.equal(await ask(socket, 'b.test'), 'b');
      t.diagnostic(`records of ${size}: ${tcp.bytesWritten} bytes written`);
      if (ALPNProtocols.length > 1) assert.ok(tcp.bytesWritten > (size === 1 ? 6 : 1) * 61_000);
    }
    assert.deepEqual((await vhostd.status()).counts.refused, {});
  });

  await t.test('what is no TLS, or names no site, ends with an alert or a status', async () => {
    const before = descriptorCount(vhostd.pid);
    const cases: Record<string, { bytes: string | Buffer; status?: number; alert?: number }> = {
      'clear text': { bytes: 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n', status: 400 },
      garbage: { bytes: Buffer.alloc(300, 0x80) },
      'a record of another type': {
        bytes: Buffer.from('1703030001ff', 'hex'),
        alert: ALERT_UNEXPECTED_MESSAGE,
      },
      'an empty record': { bytes: Buffer.from('1603010000', 'hex'), alert: ALERT_UNEXPECTED_MESSAGE },
      'a hello with lengths that lie': {
        bytes: Buffer.from('160301000601000002ffff', 'hex'),
        alert: ALERT_DECODE_ERROR,
      },
    };
    for (const [what, { bytes, status, alert }] of Object.entries(cases)) {
      const client = await WireClient.open(port);
      client.send(bytes);
      if (status !== undefined) assert.equal((await client.answer()).status, status, what);
      const rest = await client.rest();
      assert.deepEqual(
        [rest[0], rest.at(-1)],
        alert === undefined ? [undefined, undefined] : [0x15, alert],
        what,
      );
      client.close();
      assert.equal(await ask(await secure({ port, servername: 'a.test' }), 'a.test'), 'a', `after ${what}`);
    }
    for (const servername of ['nobody.test', '', 'a.test:443', 'a..test']) {
      const stranger = secure({ port, servername });
      await assert.rejects(stranger, (error: Error) => /unrecognized.name/i.test(error.message));
    }
    // One that says nothing, and one that stops in the middle: closed when their time is over.
    const slow = ['', '\x16\x03\x01\x02\x00\x01\x00'].map(async (bytes) => {
      const client = await WireClient.open(port);
      client.send(bytes);
      assert.equal((await client.rest()).length, 0);
      client.close();
    });
    await Promise.all(slow);
    assert.deepEqual((await vhostd.status()).counts.refused, { 400: 5, 408: 2, 421: 4 });
    await until('their descriptors are closed', () => {
      const value = descriptorCount(vhostd.pid);
      return { done: value <= before, value };
    });
  });
});
