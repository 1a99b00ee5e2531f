// What an app is told and tells: that it is to end, that it is ready, which instance it is.
import { freePorts } from '../../kit/free-port.js';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { Asking, HOST, isOpen, startApp, writeApp } from './app.js';

async function pidOf(vhostd: LoneMaster): Promise<number> {
  const [worker] = await vhostd.workers('a');
  return worker?.pid ?? 0;
}

async function gone(pid: number): Promise<void> {
  await until('it has left', () => ({ done: !isAlive(pid), value: pid }));
}

/** A file in the working directory of the app. */
function fileOf(vhostd: LoneMaster, name: string): string {
  const file = join(vhostd.dir, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

const SAYS = `const fs = require('node:fs');
const say = (text) => fs.appendFileSync('told', text + '\\n');`;

void describe('an app', { concurrency: 2 }, () => {
  void it('that closes its server at SIGTERM loses nothing when its worker is sent it', async (t) => {
    const vhostd = await startApp(
      t,
      `const server = require('node:http').createServer((q, r) => setTimeout(() => r.end('here'), 5)).listen(1);
      process.on('SIGTERM', () => server.close((error) => process.exit(error ? 1 : 0)));`,
      { settleTime: '10ms' },
    );
    const asking = new Asking(await vhostd.port());
    for (let round = 0; round < 3; round += 1) {
      await asking.progress(20);
      const pid = await pidOf(vhostd);
      process.kill(pid, 'SIGTERM');
      await gone(pid);
    }
    await asking.progress(20);
    await asking.stop();
    assert.deepEqual(asking.failures, []);
    assert.equal(vhostd.output.includes('exited with code 1'), false, vhostd.output);
  });

  void it('that closes its server is replaced, and loses nothing', async (t) => {
    const vhostd = await startApp(
      t,
      `const server = require('node:http').createServer((q, r) => {
        r.end('here');
        if (q.url === '/close') server.close();
      }).listen(1);`,
      { settleTime: '10ms' },
    );
    const port = await vhostd.port();
    const asking = new Asking(port);
    await asking.progress(20);
    const pid = await pidOf(vhostd);
    assert.equal((await get(port, HOST, '/close')).status, 200);
    await gone(pid);
    await asking.progress(20);
    await asking.stop();
    assert.deepEqual(asking.failures, []);
    const [worker] = await vhostd.workers('a');
    assert.match(worker?.reason ?? '', /its app closed its server/);
  });

  void it('that closes its server at the first request answers those that came while it booted', async (t) => {
    const source = `const server = require('node:http').createServer((q, r) => { server.close(); r.end('here'); });
      const wait = setInterval(() => {
        if (!require('node:fs').existsSync('go')) return;
        clearInterval(wait);
        server.listen(1);
      }, 10);`;
    const [port = 0] = await freePorts(1);
    const sites = [{ siteId: 'a', workerFile: writeApp(t, source), listen: [{ host: HOST, port }] }];
    const vhostd = await startVhostd(t, { daemon: true, wait: false, sites });
    await until('it is open', async () => ({ done: await isOpen(port), value: port }));
    const asked = Array.from({ length: 8 }, () => get(port, HOST));
    await vhostd.until('all of them wait', ({ sites: [a] }) => a?.parked === asked.length);
    writeFileSync(join(vhostd.dir, 'go'), '');
    const answers = await Promise.all(asked);
    assert.deepEqual(
      answers.map(({ status }) => status),
      asked.map(() => 200),
    );
    assert.equal(vhostd.output.includes('before the worker was ready'), false, vhostd.output);
  });

  void it('that closes its server while it boots fails with words for that', async (t) => {
    const source = `const server = require('node:http').createServer().listen(1, () => server.close());`;
    const sites = [{ siteId: 'a', workerFile: writeApp(t, source) }];
    const vhostd = await startVhostd(t, { daemon: true, wait: false, sites });
    await vhostd.until('the site says why', ({ sites: [a] }) =>
      (a?.reason ?? '').includes('its app closed its server before the worker was ready'),
    );
  });

  void it('that closes its server on loopback before that is the site fails with the same words', async (t) => {
    const source = `const server = require('node:http').createServer();
      server.listen(1, '127.0.0.1', () => server.close());`;
    // It must not need the time that a boot may take.
    const sites = [{ siteId: 'a', workerFile: writeApp(t, source), bootTimeout: '1h' }];
    const vhostd = await startVhostd(t, { daemon: true, wait: false, sites });
    await vhostd.until('the site says why', ({ sites: [a] }) =>
      (a?.reason ?? '').includes('its app closed its server before the worker was ready'),
    );
  });

  void it('is told that it is to end, and may finish what it does behind its answers', async (t) => {
    const vhostd = await startApp(
      t,
      `${SAYS}
      require('node:http').createServer((q, r) => r.end('here')).listen(1);
      process.on('SIGINT', () => {
        say('SIGINT');
        setTimeout(() => say('job done'), 500);
      });`,
      { drainTimeout: '10m', stopTimeout: '10m' },
    );
    assert.equal((await get(await vhostd.port(), HOST)).status, 200);
    await vhostd.reloaded('a');
    await vhostd.drained();
    assert.equal(fileOf(vhostd, 'told'), 'SIGINT\njob done\n');
  });

  void it('is told by the signal of its conf, and only when its connections have ended', async (t) => {
    const vhostd = await startApp(
      t,
      `${SAYS}
      require('node:http').createServer((q, r) => setTimeout(() => { say('answer'); r.end('here'); }, 1000)).listen(1);
      for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => { say(name); process.exit(); });
      process.on('message', (message) => { if (message === 'shutdown') { say(message); process.exit(); } });`,
      { stopSignal: 'shutdown', drainTimeout: '60s' },
    );
    const answer = get(await vhostd.port(), HOST);
    await until('the request is there', async () => {
      const value = (await vhostd.workers('a'))[0]?.connections;
      return { done: value === 1, value };
    });
    await vhostd.reloaded('a');
    assert.equal((await answer).status, 200);
    await vhostd.drained();
    assert.equal(fileOf(vhostd, 'told'), 'answer\nshutdown\n');
  });

  void it('may end itself by the signal that it was told by, as terminus does', async (t) => {
    const vhostd = await startApp(
      t,
      `require('node:http').createServer((q, r) => r.end('here')).listen(1);
      setInterval(() => undefined, 1000);
      process.once('SIGTERM', () => process.kill(process.pid, 'SIGTERM'));`,
      { drainTimeout: '10m', stopTimeout: '10m' },
    );
    const pid = await pidOf(vhostd);
    await vhostd.reloaded('a');
    await gone(pid);
  });

  void it('that is ended by its only listener for a signal is not waited for', async (t) => {
    // As signal-exit does, which many packages bring along.
    const vhostd = await startApp(
      t,
      `require('node:http').createServer((q, r) => r.end('here')).listen(1);
      setInterval(() => undefined, 1000);
      process.on('SIGTERM', function end() {
        if (process.listeners('SIGTERM').length > 1) return;
        process.removeListener('SIGTERM', end);
        process.kill(process.pid, 'SIGTERM');
      });`,
      { stopTimeout: '60s' },
    );
    const pid = await pidOf(vhostd);
    await vhostd.reloaded('a');
    await gone(pid);
    assert.equal(vhostd.output.includes('SIGTERM'), false, vhostd.output);
  });

  void it('that has no listener for the message is not told, and leaves at once', async (t) => {
    const vhostd = await startApp(
      t,
      `require('node:http').createServer((q, r) => r.end('here')).listen(1);`,
      {
        stopSignal: 'shutdown',
        stopTimeout: '60s',
      },
    );
    const pid = await pidOf(vhostd);
    await vhostd.reloaded('a');
    await gone(pid);
  });

  void it('that does not end when it is told is ended after stopTimeout', async (t) => {
    const vhostd = await startApp(
      t,
      `require('node:http').createServer((q, r) => r.end('here')).listen(1);
      setInterval(() => undefined, 1000);
      process.on('SIGTERM', () => undefined);`,
      { stopTimeout: '100ms' },
    );
    const pid = await pidOf(vhostd);
    await vhostd.reloaded('a');
    await gone(pid);
  });

  void it('is given no connection before it has said that it is ready', async (t) => {
    const vhostd = await startApp(
      t,
      `let ready = false;
      require('node:http').createServer((q, r) => r.end(String(ready))).listen(1, '127.0.0.1');
      setTimeout(() => { ready = true; process.send('ready'); }, 300);`,
      { waitReady: true },
    );
    const port = await vhostd.port();
    assert.equal((await get(port, HOST)).body.toString(), 'true');
    const before = await pidOf(vhostd);
    const reloaded = vhostd.reloaded('a');
    while ((await pidOf(vhostd)) === before) assert.equal((await get(port, HOST)).body.toString(), 'true');
    await reloaded;
    assert.equal((await get(port, HOST)).body.toString(), 'true');
  });

  void it('knows the number of its slot', async (t) => {
    const vhostd = await startApp(
      t,
      `require('node:http').createServer((q, r) => {
        r.end([process.env.NODE_APP_INSTANCE, process.env.VHOSTD_SLOT].join());
      }).listen(1);`,
      { cpuLen: 2, balance: 'round-robin' },
    );
    await vhostd.until(
      'two workers',
      ({ sites: [a] }) => a?.workers.filter(({ state }) => state === 'ready').length === 2,
    );
    const port = await vhostd.port();
    const seen = [await get(port, HOST), await get(port, HOST)].map(({ body }) => body.toString());
    assert.deepEqual(seen.toSorted(), ['0,0', '1,1']);
  });

  void it('knows its directory, and has its inspector on the port of the conf', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      `const { url } = require('node:inspector');
      require('node:http').createServer((q, r) => {
        r.end(JSON.stringify({ here: process.env.PWD === process.cwd(), port: new URL(url()).port }));
      }).listen(1);`,
      { workerOptions: { execArgv: [`--inspect=127.0.0.1:${port}`] } },
    );
    const { body } = await get(await vhostd.port(), HOST);
    assert.deepEqual(JSON.parse(body.toString()), { here: true, port: String(port) });
  });
});
