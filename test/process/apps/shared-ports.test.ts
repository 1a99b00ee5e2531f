// Further ports of an app: all workers of its site share them, through reloads and replacements.
import { freePorts } from '../../kit/free-port.js';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { Asking, HOST, isOpen, startApp, writeApp } from './app.js';

/** An app with its site's server and one for metrics, which tells which process answered. */
function withMetrics(port: number, host = '127.0.0.1'): string {
  return `const http = require('node:http');
    http.createServer((q, r) => r.end('pid ' + process.pid)).listen(${port}, '${host}');
    http.createServer((q, r) => r.end('app')).listen(1);`;
}

async function metricsPid(port: number): Promise<number> {
  return Number((await get(port, HOST)).body.toString().replace('pid ', ''));
}

void describe('a further port of an app', { concurrency: 2 }, () => {
  void it('is open through reloads, and nobody who asks there is refused', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(t, withMetrics(port));
    await opened(port);
    const asking = new Asking(port);
    for (let round = 0; round < 5; round += 1) {
      await asking.progress(20);
      await vhostd.reloaded('a');
      await vhostd.drained();
    }
    await asking.progress(20);
    await asking.stop();
    assert.deepEqual(asking.failures, []);
    const [worker] = await vhostd.workers('a');
    assert.equal(await metricsPid(port), worker?.pid);
    assert.equal(vhostd.output.includes('EADDRINUSE'), false, vhostd.output);
  });

  void it('is shared by two workers, and by one that takes the place of another', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(t, withMetrics(port), { cpuLen: 2 });
    const [first, second] = (await vhostd.ready('a', 2)).sites[0]?.workers ?? [];
    await opened(port);
    const seen = new Set<number>();
    await until('both answer', async () => {
      seen.add(await metricsPid(port));
      return { done: seen.size === 2, value: [...seen] };
    });
    assert.deepEqual(seen, new Set([first?.pid, second?.pid]));
    process.kill(first?.pid ?? 0, 'SIGTERM');
    await vhostd.gone([first?.pid ?? 0]);
    process.kill(second?.pid ?? 0, 'SIGKILL');
    await vhostd.gone([second?.pid ?? 0]);
    await vhostd.until('both slots have another one', ({ sites: [a] }) => {
      const after = (a?.workers ?? []).map(({ state, restarts, replacements }) =>
        [state, restarts + replacements].join(' '),
      );
      return after.join() === 'ready 1,ready 1';
    });
  });

  void it('keeps who connects while its only worker is started again', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(t, withMetrics(port), { restart: { backoffMin: '1s', backoffMax: '1s' } });
    await opened(port);
    const [worker] = await vhostd.workers('a');
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    await vhostd.gone([worker?.pid ?? 0]);
    assert.notEqual(await metricsPid(port), worker?.pid);
  });

  void it('of TCP lets its connections end before the worker does, and accepts in the next one meanwhile', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(
      t,
      // Who only looks whether it is open resets what has been written to him.
      `require('node:net').createServer((s) => {
        s.on('error', () => undefined);
        s.write(process.pid + ' ');
        s.pipe(s);
      }).listen(${port});
      require('node:http').createServer((q, r) => r.end('app')).listen(1);`,
      { drainTimeout: '10m' },
    );
    await opened(port);
    const client = connect(port, '127.0.0.1');
    let text = '';
    client.on('data', (chunk) => (text += chunk.toString()));
    await until('it is connected', () => ({ done: text.includes(' '), value: text }));
    const old = Number.parseInt(text, 10);
    await vhostd.reloaded('a');
    await vhostd.until('the old one leaves', ({ sites: [a] }) =>
      (a?.workers ?? []).some(({ pid, state }) => pid === old && state === 'draining'),
    );
    for (let count = 0; count < 5; count += 1) assert.notEqual(await firstNumber(port), old);
    client.write('still here');
    await until('it is answered', () => ({ done: text.endsWith('still here'), value: text }));
    client.end();
    await vhostd.gone([old]);
  });

  void it('is all that an app without a server needs to live, and is open through reloads', async (t) => {
    const [port = 0] = await freePorts(1);
    const source = `require('node:http').createServer((q, r) => r.end('pid ' + process.pid)).listen(${port}, '127.0.0.1');`;
    const vhostd = await startVhostd(t, {
      sites: [{ siteId: 'a', workerFile: writeApp(t, source), server: false, listen: [] }],
    });
    await opened(port);
    const [first] = await vhostd.workers('a');
    assert.equal(await metricsPid(port), first?.pid);
    const asking = new Asking(port);
    await asking.progress(20);
    await vhostd.reloaded('a');
    await vhostd.drained();
    await asking.progress(20);
    await asking.stop();
    assert.deepEqual(asking.failures, []);
    const [second] = await vhostd.workers('a');
    assert.deepEqual([await metricsPid(port), second?.restarts], [second?.pid, 0]);
  });

  void it('is closed when no worker wants it any more', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startApp(t, withMetrics(port));
    await opened(port);
    vhostd.change('a', { workerFile: writeApp(t, `require('node:http').createServer().listen(1);`) });
    await vhostd.reloaded();
    await until('it is closed', async () => {
      const value = await isOpen(port);
      return { done: !value, value };
    });
  });

  void it('that another process has gives the usual error', async (t) => {
    const [port = 0] = await freePorts(1);
    const other = await startApp(t, withMetrics(port));
    await opened(port);
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      let text = '';
      http.createServer().on('error', (error) => {
        text = [error.code, error.syscall, error.port].join();
      }).listen(${port}, '127.0.0.1');
      http.createServer((q, r) => r.end(text)).listen(1);`,
    );
    const http = await vhostd.port();
    await until('it has been told', async () => {
      const value = (await get(http, HOST)).body.toString();
      return { done: value === `EADDRINUSE,listen,${port}`, value };
    });
    assert.equal((await other.site('a')).state, 'running');
  });

  void it('outside of the allow of its site is refused; the port of the site is taken', async (t) => {
    const [port = 0, allowed = 0] = await freePorts(2);
    const vhostd = await startApp(
      t,
      `const http = require('node:http');
      const net = require('node:net');
      const told = [];
      const hear = (server, name) => server
        .on('error', (error) => told.push(name + ' ' + error.code))
        .on('listening', () => told.push(name + ' listens'));
      http.createServer((q, r) => r.end(told.toSorted().join())).listen(3000, () => {
        hear(http.createServer(), 'outside').listen(${port});
        hear(net.createServer(), 'inside').listen(${allowed});
        hear(net.createServer(), 'site').listen(3000);
      });`,
      { allow: { ports: [0, allowed] } },
    );
    const http = await vhostd.port();
    await until('all have been told', async () => {
      const value = (await get(http, HOST)).body.toString();
      return { done: value === 'inside listens,outside EACCES,site EADDRINUSE', value };
    });
    assert.deepEqual([await isOpen(port), await isOpen(allowed), await isOpen(3000)], [false, true, false]);
  });

  void it('stays open through the death of a master, and an upgrade', async (t) => {
    const [port = 0] = await freePorts(1);
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile: writeApp(t, withMetrics(port)) }],
    });
    await opened(port);
    const asking = new Asking(port);
    await asking.progress(20);
    const { master } = await vhostd.status();
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await vhostd.until(
      'the next master serves',
      (status) => status.master?.pid !== master?.pid && status.sites[0]?.state === 'running',
    );
    await asking.progress(20);
    assert.equal((await vhostd.run('upgrade')).code, 0);
    await asking.progress(20);
    await asking.stop();
    assert.deepEqual(asking.failures, []);
  });
});

/** A port of an app opens a moment behind its site. */
async function opened(port: number): Promise<void> {
  await until('it is open', async () => {
    const value = await isOpen(port);
    return { done: value, value };
  });
}

async function firstNumber(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  try {
    for await (const chunk of socket) return Number.parseInt(String(chunk), 10);
    return 0;
  } finally {
    socket.destroy();
  }
}
