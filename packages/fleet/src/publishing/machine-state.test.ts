import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LocalSite } from './local-site.js';
import { MachineState } from './machine-state.js';

const FACTS = { prefix: '/f', followMs: 1000, machine: 'm1', address: '10.0.0.1', weight: 100 };

function siteOf(siteId: string, readiness: LocalSite['readiness'], hosts = [`${siteId}.test`]): LocalSite {
  const listen = [{ port: 80, tls: 'none', proxy: 'none' } as const];
  const all = new Map(hosts.map((host) => [host, listen] as const));
  return { siteId, readiness, generation: 1, drainTimeoutMs: 5000, hosts: all };
}

/** Keys of hosts with their states. */
function states(machine: MachineState, nowMs: number): Record<string, string> {
  return Object.fromEntries(
    [...machine.wanted(nowMs)]
      .filter(([key]) => key.startsWith('/f/hosts/'))
      .map(([key, { state }]) => [key.slice('/f/hosts/'.length), state]),
  );
}

void describe('what is to be in the store of a machine', () => {
  void it('has a site while it serves, then in drain for 1 s and its drainTimeout, then no more', () => {
    const machine = new MachineState(FACTS);
    machine.set([siteOf('a', 'coming')]);
    assert.deepEqual(states(machine, 0), {});
    machine.set([siteOf('a', 'serves')]);
    assert.deepEqual(states(machine, 0), { 'a.test/m1': 'up' });
    assert.equal(machine.nextMs, undefined);
    machine.set([siteOf('a', 'gone')]);
    assert.deepEqual(states(machine, 1000), { 'a.test/m1': 'drain' });
    // The key of the site, which nobody is connected by.
    assert.equal(machine.nextMs, 2000);
    assert.deepEqual(states(machine, 6999), { 'a.test/m1': 'drain' });
    assert.deepEqual(states(machine, 7000), {});
    assert.equal(machine.wanted(7000).size, 0);
  });

  void it('has a site up again that serves again while it is in drain', () => {
    const machine = new MachineState(FACTS);
    machine.set([siteOf('a', 'serves')]);
    states(machine, 0);
    machine.set([siteOf('a', 'coming')]);
    assert.deepEqual(states(machine, 0), { 'a.test/m1': 'drain' });
    machine.set([siteOf('a', 'serves')]);
    assert.deepEqual(states(machine, 100), { 'a.test/m1': 'up' });
    assert.equal(machine.nextMs, undefined);
  });

  void it('has in drain what is about to stop, until that is called off', () => {
    const machine = new MachineState(FACTS);
    machine.set([siteOf('a', 'serves'), siteOf('b', 'serves')]);
    states(machine, 0);
    machine.drain({ siteIds: ['a'] });
    assert.deepEqual(states(machine, 0), { 'a.test/m1': 'drain', 'b.test/m1': 'up' });
    machine.undrain({ siteIds: ['a'] });
    assert.deepEqual(states(machine, 1), { 'a.test/m1': 'up', 'b.test/m1': 'up' });
    machine.drain({});
    assert.deepEqual(states(machine, 2), { 'a.test/m1': 'drain', 'b.test/m1': 'drain' });
    machine.undrain({});
    assert.deepEqual(states(machine, 3), { 'a.test/m1': 'up', 'b.test/m1': 'up' });
  });

  void it('has a host in drain that goes on all of its ports, and one that goes on some of them up on the others', () => {
    const machine = new MachineState(FACTS);
    const way = (port: number) => ({ port, tls: 'none', proxy: 'none' }) as const;
    const site = siteOf('a', 'serves', []);
    const set = (hosts: Record<string, number[]>): void => {
      const all = Object.entries(hosts).map(([host, ports]) => [host, ports.map(way)] as const);
      machine.set([{ ...site, hosts: new Map(all) }]);
    };
    const listenOf = (host: string): unknown => {
      const record = machine.wanted(0).get(`/f/hosts/${host}/m1`);
      return record !== undefined && 'listen' in record ? record.listen.map(({ port }) => port) : undefined;
    };
    set({ 'a.test': [80, 81], 'b.test': [80, 81] });
    states(machine, 0);
    const which = {
      places: [
        { host: 'a.test', port: 81 },
        { host: 'b.test', port: 80 },
      ],
    };
    machine.drain(which);
    assert.deepEqual(states(machine, 0), { 'a.test/m1': 'up', 'b.test/m1': 'up' });
    assert.deepEqual([listenOf('a.test'), listenOf('b.test')], [[80], [81]]);
    machine.drain({ places: [{ host: 'b.test', port: 81 }] });
    assert.deepEqual(states(machine, 0), { 'a.test/m1': 'up', 'b.test/m1': 'drain' });
    set({ 'a.test': [80] });
    machine.undrain({ places: [...which.places, { host: 'b.test', port: 81 }] });
    assert.deepEqual(states(machine, 5999), { 'a.test/m1': 'up', 'b.test/m1': 'drain' });
    assert.deepEqual(states(machine, 6000), { 'a.test/m1': 'up' });
  });

  void it('has all in drain, for as long as it serves, where an operator has taken the machine out', () => {
    const machine = new MachineState(FACTS);
    machine.setOut(true);
    machine.set([siteOf('a', 'serves'), siteOf('b', 'serves')]);
    assert.deepEqual(states(machine, 0), { 'a.test/m1': 'drain', 'b.test/m1': 'drain' });
    assert.equal(machine.nextMs, undefined);
    machine.set([siteOf('a', 'serves'), siteOf('b', 'gone')]);
    states(machine, 1);
    assert.deepEqual(states(machine, 6001), { 'a.test/m1': 'drain' });
    machine.setOut(false);
    assert.deepEqual(states(machine, 6002), { 'a.test/m1': 'up' });
  });

  void it('leaves what a process before it has published as it is while its site boots, for 30 s', () => {
    const record = { ...FACTS, site: 'a', state: 'up' as const, generation: 7, listen: [] };
    const machine = new MachineState(FACTS);
    machine.adopt('/f/hosts/a.test/m1', record, 0);
    machine.adopt('/f/hosts/b.test/m1', { ...record, site: 'b' }, 0);
    machine.set([siteOf('a', 'coming')]);
    assert.deepEqual(states(machine, 1), { 'a.test/m1': 'up', 'b.test/m1': 'drain' });
    assert.deepEqual(states(machine, 29_999), { 'a.test/m1': 'up' });
    assert.deepEqual(states(machine, 30_000), { 'a.test/m1': 'drain' });
  });

  void it('puts the ways of two sites to one host into one key', () => {
    const machine = new MachineState(FACTS);
    const other = { ...siteOf('b', 'serves', ['a.test']) };
    machine.set([siteOf('a', 'serves'), other]);
    const record = machine.wanted(0).get('/f/hosts/a.test/m1');
    assert.ok(record !== undefined && 'listen' in record);
    assert.equal(record.site, 'a');
    assert.equal(record.listen.length, 2);
  });

  void it('is asked for its health where it answers in clear', () => {
    const machine = new MachineState(FACTS);
    assert.deepEqual(machine.health('/up'), {});
    const secure = { port: 443, tls: 'passthrough', proxy: 'v2' } as const;
    const clear = { port: 80, tls: 'none', proxy: 'none' } as const;
    machine.set([{ ...siteOf('a', 'serves'), hosts: new Map([['a.test', [secure]]]) }]);
    assert.deepEqual(machine.health('/up'), { health: { port: 443, proxy: 'v2' } });
    machine.set([{ ...siteOf('a', 'serves'), hosts: new Map([['a.test', [secure, clear]]]) }]);
    assert.deepEqual(machine.health('/up'), { health: { port: 80, path: '/up', proxy: 'none' } });
  });
});
