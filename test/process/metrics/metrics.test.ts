// Metrics and health over HTTP: what workers did is told, through reloads and upgrades, until all has drained.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { freePort } from '../../kit/free-port.js';
import { HeldRequest } from '../../kit/held-request.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const SITE = { siteId: 'a', heartbeatInterval: '100ms', cpuLen: 2 };

void describe('the port of metrics', { concurrency: 2 }, () => {
  void it('tells what workers did, also of those that a reload or an upgrade has replaced', async (t) => {
    const port = await freePort();
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { port } } });
    const sitePort = await vhostd.port();
    for (let count = 0; count < 5; count += 1) await get(sitePort, 'a.test');
    await told(port, /^vhostd_http_requests_total\{site="a",status="2xx"\} 5$/m);
    await vhostd.reloaded('a');
    for (let count = 0; count < 2; count += 1) await get(sitePort, 'a.test');
    const text = await told(port, /^vhostd_http_requests_total\{site="a",status="2xx"\} 7$/m);
    assert.match(text, /^vhostd_http_request_duration_seconds_bucket\{site="a",le="\+Inf"\} 7$/m);
    assert.match(text, /^vhostd_connections_handed_off_total\{site="a"\} 7$/m);
    assert.match(text, /^vhostd_site_reloads_total\{site="a",outcome="ok"\} 1$/m);
    assert.match(
      text,
      /^vhostd_worker_event_loop_delay_seconds\{site="a",worker="a\/\d+",percentile="99"\} /m,
    );
    const upgraded = vhostd.client.upgrade();
    let isUpgrading = true;
    const over = upgraded.finally(() => (isUpgrading = false));
    while (isUpgrading) assert.deepEqual(await outcomeOf(port, '/readyz'), [200, 'serving\n']);
    await over;
    await told(port, /^vhostd_ready 1$/m);
    // Over the control socket there is the same.
    const answer = await vhostd.client.request({ method: 'GET', path: '/metrics' });
    assert.match(JSON.stringify(answer), /^\{"metrics":\[\{"name":"vhostd_info","type":"gauge"/);
  });

  void it('says that it is not ready before anything drains, and goes on to say so', async (t) => {
    const port = await freePort();
    const site = { ...SITE, cpuLen: 1, drainTimeout: '60s' };
    const vhostd = await startVhostd(t, { daemon: true, sites: [site], conf: { metrics: { port } } });
    assert.deepEqual(await outcomeOf(port, '/livez'), [200, 'ok\n']);
    assert.deepEqual(await outcomeOf(port, '/readyz'), [200, 'serving\n']);
    const held = await HeldRequest.begin(await vhostd.port(), 'a.test');
    const stopped = vhostd.run('stop');
    await until('it is not ready', async () => {
      const value = await outcomeOf(port, '/readyz');
      return { done: value[0] === 503, value };
    });
    assert.deepEqual(await outcomeOf(port, '/readyz'), [503, 'stopping\n']);
    assert.deepEqual(await outcomeOf(port, '/livez'), [200, 'ok\n']);
    await held.finish();
    assert.equal((await stopped).code, 0);
  });

  void it('refuses what it does not have, and moves with the conf', async (t) => {
    const [port, other] = [await freePort(), await freePort()];
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { port } } });
    assert.equal((await outcomeOf(port, '/'))[0], 404);
    assert.equal((await outcomeOf(port, '/metrics', 'POST'))[0], 405);
    vhostd.configure([SITE], { metrics: { port: other } });
    await vhostd.reloaded();
    await told(other, /^vhostd_ready 1$/m);
    await assert.rejects(outcomeOf(port, '/livez'));
    vhostd.configure([SITE], {});
    await vhostd.reloaded();
    await until('nobody listens', async () => {
      const value = await outcomeOf(other, '/livez').catch(() => undefined);
      return { done: value === undefined, value };
    });
  });

  void it('makes no answers that nobody waits for: who sends many requests at once is cut off', async (t) => {
    const port = await freePort();
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { port } } });
    const client = await WireClient.open(port);
    client.send('GET /metrics HTTP/1.1\r\nHost: metrics\r\n\r\n'.repeat(1000));
    await assert.rejects(async () => {
      for (let count = 0; count < 1000; count += 1) await client.answer();
    });
    client.close();
    // A few are answered, also where they come at once.
    const few = await WireClient.open(port);
    few.send('GET /livez HTTP/1.1\r\nHost: metrics\r\n\r\n'.repeat(3));
    for (let count = 0; count < 3; count += 1) assert.equal((await few.answer()).status, 200);
    few.close();
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
  });

  void it('costs no site anything where another process has it, says so, and has it once it is free', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { port } } });
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
    const [failed] = await vhostd.logs('listener.failed', 1);
    assert.equal(failed?.['key'], `metrics 127.0.0.1 ${port}`);
    const line = new RegExp(
      `^metrics  127\\.0\\.0\\.1:${port}, not there: cannot bind .* \\(EADDRINUSE\\)`,
      'mu',
    );
    assert.match((await vhostd.run('status')).stdout, line);
    assert.match((await vhostd.run('doctor')).stdout, /metrics: vhostd does not answer on port /u);
    taken.close();
    await until('it answers', async () => {
      const value = await outcomeOf(port, '/livez').catch(() => undefined);
      return { done: value?.[0] === 200, value };
    });
    assert.match((await vhostd.run('status')).stdout, new RegExp(`metrics  127.0.0.1:${port}\n`, 'u'));
    assert.equal(vhostd.logged('listener.failed').length, 1);
  });

  void it('answers also beside clients that have connected and ask nothing, or do not read', async (t) => {
    const port = await freePort();
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { port } } });
    const clients = await Promise.all(Array.from({ length: 40 }, () => WireClient.open(port)));
    atEnd(t, () => clients.forEach((client) => client.close()));
    for (const client of clients.slice(20)) client.send('GET /metrics HTTP/1.1\r\nHost: m\r\n\r\n'.repeat(4));
    assert.deepEqual(await outcomeOf(port, '/livez'), [200, 'ok\n']);
    assert.deepEqual(await outcomeOf(port, '/readyz'), [200, 'serving\n']);
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
  });
});

const PROMTOOL = spawnSync('promtool', ['--version']).status === 0;

void it('promtool finds nothing wrong', { skip: PROMTOOL ? false : 'needs promtool' }, async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: {} } });
  await get(await vhostd.port(), 'a.test');
  const { metrics } = (await vhostd.client.request({ method: 'GET', path: '/metrics' })) as { metrics: [] };
  const { metricsText } = await import('@vhostd/protocol/schemas');
  const checked = spawnSync('promtool', ['check', 'metrics'], {
    input: metricsText(metrics),
    encoding: 'utf8',
  });
  assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', '']);
});

/** Waits until the metrics have such a line. */
async function told(port: number, line: RegExp): Promise<string> {
  return await until(String(line), async () => {
    const value = (await outcomeOf(port, '/metrics').catch(() => undefined))?.[1] ?? '';
    return { done: line.test(value), value };
  });
}

async function outcomeOf(
  port: number,
  path: string,
  method = 'GET',
): Promise<[status: number, body: string]> {
  const client = await WireClient.open(port);
  try {
    client.send(`${method} ${path} HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n`);
    const { status, body } = await client.answer();
    return [status, body.toString()];
  } finally {
    client.close();
  }
}
