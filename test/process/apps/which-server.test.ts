// Which of an app's servers is the site's, and what becomes of the others.
import { atEnd } from '../../kit/at-end.js';
import { freePorts } from '../../kit/free-port.js';
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { HOST, isOpen, startApp, writeApp } from './app.js';

async function bodyOf(vhostd: LoneMaster): Promise<string> {
  return (await get(await vhostd.port(), HOST)).body.toString();
}

async function alsoListens(vhostd: LoneMaster): Promise<string[]> {
  return (await vhostd.workers('a')).flatMap((worker) => worker.alsoListens ?? []);
}

void describe('the server of an app', { concurrency: 3 }, () => {
  void it('is the one on its appPort, which it is also told as PORT, whatever listens before', async (t) => {
    const [appPort = 0, metricsPort = 0] = await freePorts(2);
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      http.createServer((q, r) => r.end('metrics')).listen(${metricsPort}, '127.0.0.1');
      setTimeout(() => http.createServer((q, r) => r.end('app')).listen(process.env.PORT), 200);`,
      { appPort },
    );
    assert.equal(await bodyOf(vhostd), 'app');
    assert.deepEqual(await alsoListens(vhostd), [`http on port ${metricsPort} of 127.0.0.1`]);
    assert.deepEqual([await isOpen(appPort), await isOpen(metricsPort)], [false, true]);
  });

  void it('is the first one on an address of the machine, without appPort, though one on loopback came first', async (t) => {
    const [appPort = 0, metricsPort = 0] = await freePorts(2);
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      http.createServer((q, r) => r.end('metrics')).listen(${metricsPort}, '127.0.0.1');
      setTimeout(() => http.createServer((q, r) => r.end('app')).listen(${appPort}), 200);`,
    );
    assert.equal(await bodyOf(vhostd), 'app');
    assert.deepEqual(await alsoListens(vhostd), [`http on port ${metricsPort} of 127.0.0.1`]);
    assert.deepEqual([await isOpen(appPort), await isOpen(metricsPort)], [false, true]);
    assert.equal((await get(metricsPort, HOST)).body.toString(), 'metrics');
  });

  void it('tells the port at which it is reached right behind listen, where the conf has port 0', async (t) => {
    const vhostd = await startApp(
      t,
      `const told = [];
      const server = require('node:http').createServer((q, r) => r.end(JSON.stringify(told)));
      server.listen(0, () => told.push(server.address().port));
      told.push(server.address().port);`,
      { listen: [{ host: HOST, port: 0 }] },
    );
    const port = await vhostd.port();
    assert.equal(await bodyOf(vhostd), JSON.stringify([port, port]));
    await vhostd.reloaded('a');
    assert.equal(await bodyOf(vhostd), JSON.stringify([port, port]));
  });

  void it('is that of the branch for workers, where an app forks some with node:cluster', async (t) => {
    const vhostd = await startApp(
      t,
      `const cluster = require('node:cluster');
      if (cluster.isPrimary) cluster.fork();
      else require('node:http').createServer((q, r) => r.end(String(process.pid))).listen(8000);`,
      { cpuLen: 2 },
    );
    await vhostd.ready('a', 2);
    const pids = (await vhostd.workers('a')).map(({ pid }) => String(pid));
    assert.ok(pids.includes(await bodyOf(vhostd)));
    await vhostd.reloaded('a');
    assert.equal(pids.includes(await bodyOf(vhostd)), false);
  });

  void it('is the only one, on loopback, too', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `require('node:http').createServer((q, r) => r.end('app')).listen(${port}, 'localhost');`,
    );
    assert.equal(await bodyOf(vhostd), 'app');
    assert.deepEqual(await alsoListens(vhostd), []);
    assert.equal(await isOpen(port), false);
    await vhostd.reloaded('a');
    assert.equal(await bodyOf(vhostd), 'app');
  });

  void it('is one of node:net for clients that speak no HTTP, and are greeted, where workers accept', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `const worker = require(${JSON.stringify(WORKER)});
      worker.server = require('node:net').createServer((socket) => {
        socket.on('error', () => undefined);
        socket.write('220 ready\\r\\n');
        socket.on('data', (bytes) => socket.write('got ' + bytes));
      });`,
      { listen: [{ port, accept: 'direct' }] },
    );
    const talk = async (): Promise<void> => {
      const client = await WireClient.open(port);
      assert.equal(String(await client.bytes(11)), '220 ready\r\n');
      client.send('EHLO a.test\r\n');
      assert.equal(String(await client.bytes(17)), 'got EHLO a.test\r\n');
      client.close();
    };
    await talk();
    await vhostd.reloaded('a');
    await talk();
    // The master accepts meanwhile; nothing comes from the client that it could read.
    await vhostd.pause('a');
    const client = await WireClient.open(port);
    await vhostd.until('it waits', ({ sites }) => sites.some(({ parked }) => parked === 1), 60_000);
    await vhostd.resume('a');
    assert.equal(String(await client.bytes(11)), '220 ready\r\n');
    client.close();
  });

  void it('is the one that the code names, though another one has listened before', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      const worker = require(${JSON.stringify(WORKER)});
      http.createServer((q, r) => r.end('first')).listen(${port}, '127.0.0.1', () => {
        worker.server = http.createServer((q, r) => r.end('named'));
      });`,
    );
    assert.equal(await bodyOf(vhostd), 'named');
    assert.deepEqual(await alsoListens(vhostd), [`http on port ${port} of 127.0.0.1`]);
    assert.equal((await get(port, HOST)).body.toString(), 'first');
  });

  void it('needs no request listener when it begins to listen', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `const server = require('node:http').createServer().listen(${port});
      server.on('upgrade', (q, socket) => {
        server.on('request', (q, r) => r.end('late'));
        socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n');
        socket.pipe(socket);
      });`,
    );
    const client = await WireClient.open(await vhostd.port());
    atEnd(t, () => client.close());
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
    assert.equal((await client.head()).status, 101);
    assert.equal(await bodyOf(vhostd), 'late');
    assert.equal(await isOpen(port), false);
  });

  void it('may be one of HTTP/2 that only knows streams', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `require('node:http2').createServer().listen(${port}).on('stream', (stream) => {
        stream.respond({ ':status': 200 });
        stream.end('stream');
      });`,
      { listen: [{ port: 0, ipaddress: '127.0.0.1' }] },
    );
    assert.equal(await streamBody(await vhostd.port()), 'stream');
    assert.equal(await isOpen(port), false);
    await vhostd.reloaded('a');
    assert.equal(await streamBody(await vhostd.port()), 'stream');
  });

  void it('tells its address right behind listen', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      const server = http.createServer((q, r) => r.end(JSON.stringify([before, server.address(), other.address().port])));
      server.listen(${port});
      const before = server.address();
      const other = http.createServer().listen(0);
      const otherPort = other.address().port;`,
    );
    const [before, now, other] = JSON.parse(await bodyOf(vhostd)) as [unknown, unknown, number];
    assert.deepEqual(before, { address: '::', port, family: 'IPv6' });
    assert.deepEqual(now, before);
    assert.deepEqual(await alsoListens(vhostd), ['http on port 0']);
    assert.equal(await isOpen(other), true);
  });

  void it('may ask for its port on several addresses, of which none is bound', async (t) => {
    const [port = 0] = await freePorts(1);
    // As Fastify does for localhost.
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      const app = (q, r) => r.end('app');
      const server = http.createServer(app).listen(${port}, '127.0.0.1', () => {
        http.createServer(app).listen(server.address().port, '127.0.0.2');
      });`,
    );
    assert.equal(await bodyOf(vhostd), 'app');
    assert.deepEqual(await alsoListens(vhostd), [`http on port ${port} of 127.0.0.2`]);
    const second = await startApp(
      t,
      `require('node:net').createServer().listen(${port}, '127.0.0.2');
      require('node:http').createServer((q, r) => r.end('app')).listen(1);`,
    );
    assert.equal(await bodyOf(second), 'app');
  });

  void it('is missed by name where a site has only servers of another kind', async (t) => {
    const [port = 0, appPort = 0] = await freePorts(2);
    const site = (siteId: string, source: string, fields: Record<string, unknown> = {}): SiteOptions => ({
      siteId,
      hosts: [`${siteId}.test`],
      workerFile: writeApp(t, source),
      cpuLen: 1,
      // A machine under load may need the time to load the code: then another try tells.
      bootTimeout: '3s',
      restart: { intensity: 100, backoffMax: '100ms' },
      ...fields,
    });
    const vhostd = await startVhostd(t, {
      daemon: true,
      wait: false,
      sites: [
        site('tcp', `require('node:net').createServer().listen(${port});`),
        site('path', `require('node:http').createServer().listen('\0vhostd-test-${port}');`),
        site('elsewhere', `require('node:http').createServer().listen(0);`, { appPort }),
      ],
    });
    const wanted = {
      tcp: `its server on port ${port} is one of node:net`,
      path: 'where it gets no connections; let it listen on a port, or set worker.server',
      elsewhere: `no HTTP server listens on its appPort ${appPort}, but one does on port 0`,
    };
    for (const [siteId, words] of Object.entries(wanted)) {
      await until(`${siteId} fails with the reason`, () => {
        const value = vhostd.logged('worker.exited').filter((line) => line['siteId'] === siteId);
        return { done: value.some(({ reason }) => String(reason).includes(words)), value };
      });
    }
  });
});

const WORKER = new URL(import.meta.resolve('@vhostd/worker')).pathname;

async function streamBody(port: number): Promise<string> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':path': '/', ':authority': HOST });
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  session.close();
  return text;
}
