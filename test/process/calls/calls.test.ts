// Master and workers call one another: results, errors, limits, lost peers, sockets that travel along.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import type { CallOrder, CallReport } from './caller.site.js';

const commands = new URL('./calls.commands.js', import.meta.url);

test('calls between master and workers', async (t) => {
  const site = { siteId: 'a', workerFile: siteFile('caller', import.meta.url), balance: 'round-robin' };
  const vhostd = await startVhostd(t, { commands, sites: [{ ...site, cpuLen: 2 }] });
  await vhostd.ready('a', 2);
  const port = await vhostd.port();

  await t.test('a worker calls the master by promise and by callback', async () => {
    assert.deepEqual(valueOf(await order(port, { to: 'master', name: 'double', params: 21 })), 42);
    assert.deepEqual(
      valueOf(await order(port, { to: 'master', name: 'double', params: 4, callback: true })),
      8,
    );
    const failed = errorOf(await order(port, { to: 'master', name: 'fail' }));
    assert.equal(failed.code, 'E_WILL_NOT');
    assert.equal(failed.message, 'the master will not');
    assert.match(failed.stack, /calls\.commands\.js/, 'the stack is the one of where it failed');
    assert.equal(
      errorOf(await order(port, { to: 'master', name: 'fail', callback: true })).code,
      'E_WILL_NOT',
    );
    assert.equal(errorOf(await order(port, { to: 'master', name: 'nothing' })).code, 'ERR_CALL_UNKNOWN');
    assert.match(errorOf(await order(port, { to: 'master', name: 'cycle' })).message, /circular/i);
    assert.equal(
      errorOf(await order(port, { to: 'master', name: 'never', timeoutMs: 50 })).code,
      'ERR_CALL_TIMEOUT',
    );
  });

  await t.test('the master calls a worker, whose end rejects what is pending', async () => {
    const [worker] = await vhostd.workers('a');
    assert.ok(worker);
    const { workerId } = worker;
    const echo = await vhostd.ask('callWorker', { workerId, name: 'echo', params: { text: 'é☃' } });
    assert.deepEqual(echo, { params: { text: 'é☃' }, from: 'master' });
    assert.deepEqual(await vhostd.ask('callWorkerBack', { workerId, name: 'echo', params: 1 }), {
      params: 1,
      from: 'master',
    });
    await assert.rejects(vhostd.ask('callWorkerBack', { workerId, name: 'fail' }), { code: 'E_WILL_NOT' });
    await assert.rejects(vhostd.ask('callWorker', { workerId: 'a/999', name: 'echo' }), {
      code: 'ERR_CALL_NO_TARGET',
    });
    await assert.rejects(vhostd.ask('callWorker', { workerId, name: 'never', timeoutMs: 50 }), {
      code: 'ERR_CALL_TIMEOUT',
    });
    const lost = vhostd.ask('callWorker', { workerId, name: 'never' });
    const rejected = assert.rejects(lost, { code: 'ERR_CALL_LOST' });
    process.kill(worker.pid, 'SIGKILL');
    await rejected;
    await vhostd.until('another worker serves', ({ sites }) =>
      sites.every(({ workers }) =>
        workers.every(({ pid, state }) => state === 'ready' && pid !== worker.pid),
      ),
    );
  });

  await t.test('workers call one another by id', async () => {
    const ids = (await vhostd.workers('a')).map(({ workerId }) => workerId);
    for (const to of ids) {
      const report = await order(port, { to, name: 'whoami', params: 'hello' });
      assert.deepEqual(valueOf(report), { me: to, from: report.me, params: 'hello' });
    }
    assert.equal(errorOf(await order(port, { to: 'a/999', name: 'whoami' })).code, 'ERR_CALL_NO_TARGET');
    assert.equal(errorOf(await order(port, { to: 'daemon', name: 'any' })).code, 'ERR_CALL_NO_TARGET');
  });

  await t.test('a called worker that exits rejects the call, and nobody else notices', async () => {
    const ids = (await vhostd.workers('a')).map(({ workerId }) => workerId);
    // Whoever gets the request calls the other one.
    const exited = await order(port, { to: ids, name: 'exit' });
    assert.equal(errorOf(exited).code, 'ERR_CALL_LOST');
    await vhostd.ready('a', 2);
    assert.deepEqual(valueOf(await order(port, { to: 'master', name: 'double', params: 3 })), 6);
  });

  await t.test('a socket travels with a call and its new owner answers the client', async () => {
    const ids = (await vhostd.workers('a')).map(({ workerId }) => workerId);
    for (const to of ['master', ...ids]) {
      const client = await WireClient.open(port);
      client.send(
        `GET /${encodeURIComponent(to)} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n`,
      );
      const answer = await client.answer();
      assert.equal(answer.status, 200);
      assert.match(answer.body.toString(), new RegExp(`^${to} for a/\\d+$`));
      assert.equal((await client.rest()).length, 0, 'the connection ends where its new owner ends it');
      client.close();
    }
    await until('no connection is left anywhere', async () => {
      const value = (await vhostd.workers('a')).map(({ connections }) => connections);
      return { done: value.every((count) => count === 0), value };
    });
  });
});

async function order(port: number, what: CallOrder): Promise<CallReport> {
  const client = await WireClient.open(port);
  try {
    const body = JSON.stringify(what);
    client.send(
      `POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    return JSON.parse((await client.answer()).body.toString()) as CallReport;
  } finally {
    client.close();
  }
}

function valueOf(report: CallReport): unknown {
  if ('error' in report) throw new Error(`${report.error.code}: ${report.error.message}`);
  return report.value;
}

function errorOf(report: CallReport): { code: string; message: string; stack: string } {
  assert.ok('error' in report, `no error: ${JSON.stringify(report)}`);
  return report.error;
}
