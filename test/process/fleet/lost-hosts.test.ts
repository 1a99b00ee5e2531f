// Hosts that a site gives up while it serves on: the fleet leads nobody to them before they go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { freePort } from '../../kit/free-port.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const PREFIX = '/vhostd/v1/';

function confOf(etcd: Etcd): Record<string, unknown> {
  return { fleet: { endpoints: [etcd.url], machine: 'm1', address: '127.0.0.1' } };
}

/** What the store has of hosts, once it is so. */
async function untilHosts(etcd: Etcd, wanted: Record<string, string>): Promise<void> {
  await until(`hosts are ${JSON.stringify(wanted)}`, async () => {
    const all = await etcd.records(`${PREFIX}hosts/`);
    const value = Object.fromEntries(
      Object.entries(all).map(([key, { state }]) => [key.split('/')[4] ?? '', String(state)]),
    );
    return { done: JSON.stringify(value) === JSON.stringify(wanted), value };
  });
}

void test('a reload takes a host away when nobody is led to it', { skip: etcdSkip }, async (t) => {
  const [etcd] = await Etcd.start(t);
  assert.ok(etcd);
  const port = await freePort();
  const site = (...hosts: string[]): { siteId: string; drainTimeout: string; listen: object[] } => ({
    siteId: 'a',
    drainTimeout: '100ms',
    listen: hosts.map((host) => ({ host, port, ipaddress: '127.0.0.1' })),
  });
  const conf = confOf(etcd);
  const vhostd = await startVhostd(t, { daemon: true, conf, sites: [site('a.test', 'b.test')] });
  await untilHosts(etcd, { 'a.test': 'up', 'b.test': 'up' });
  for (const [host, left, command] of [
    ['b.test', ['a.test', 'c.test'], ['reload', 'a']],
    ['c.test', ['a.test'], ['reload']],
  ] as const) {
    vhostd.configure([site(...left)], conf);
    const reloaded = vhostd.run(...command);
    const others = Object.fromEntries(left.filter((one) => one === 'a.test').map((one) => [one, 'up']));
    await untilHosts(etcd, { ...others, [host]: 'drain' });
    assert.equal((await get(port, host)).status, 200, 'it serves while that is made known');
    assert.equal((await reloaded).code, 0);
    assert.equal((await get(port, host)).status, 421);
    await untilHosts(etcd, Object.fromEntries(left.map((one) => [one, 'up'])));
  }
  const drained = vhostd.logged('fleet.drained').map(({ hosts, late }) => ({ hosts, late }));
  assert.deepEqual(drained, [
    { hosts: ['b.test'], late: [] },
    { hosts: ['c.test'], late: [] },
  ]);
});

void test('so does a worker with an update', { skip: etcdSkip }, async (t) => {
  const [etcd] = await Etcd.start(t);
  assert.ok(etcd);
  const port = await freePort();
  const entries = (...hosts: string[]): object[] =>
    hosts.map((host) => ({ host, port, ipaddress: '127.0.0.1' }));
  const workerFile = siteFile('../routing/steered', import.meta.url);
  const listen = entries('a.test', 'b.test');
  const vhostd = await startVhostd(t, {
    conf: confOf(etcd),
    sites: [{ siteId: 'a', drainTimeout: '100ms', listen, workerFile }],
  });
  await untilHosts(etcd, { 'a.test': 'up', 'b.test': 'up' });
  const order = { update: { listen: entries('a.test') }, form: 'promise' };
  const updated = vhostd.callSite('a', 'update', order);
  await untilHosts(etcd, { 'a.test': 'up', 'b.test': 'drain' });
  assert.equal((await get(port, 'b.test')).status, 200, 'it serves while that is made known');
  assert.ok('listening' in Object(await updated));
  assert.equal((await get(port, 'b.test')).status, 421);
  await untilHosts(etcd, { 'a.test': 'up' });
});

void test('a site is paused when nobody is led to it', { skip: etcdSkip }, async (t) => {
  const [etcd] = await Etcd.start(t);
  assert.ok(etcd);
  const port = await freePort();
  const listen = [{ host: 'a.test', port, ipaddress: '127.0.0.1' }];
  const sites = [{ siteId: 'a', drainTimeout: '30s', listen }];
  const vhostd = await startVhostd(t, { daemon: true, conf: confOf(etcd), sites });
  await untilHosts(etcd, { 'a.test': 'up' });
  const paused = vhostd.run('pause', 'a');
  await untilHosts(etcd, { 'a.test': 'drain' });
  assert.equal((await get(port, 'a.test')).status, 200, 'it serves while that is made known');
  assert.equal((await paused).code, 0);
  assert.equal((await vhostd.site('a')).paused, true);
  assert.equal((await vhostd.run('resume', 'a')).code, 0);
  await untilHosts(etcd, { 'a.test': 'up' });
});
