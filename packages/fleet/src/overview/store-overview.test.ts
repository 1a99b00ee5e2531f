import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostListen } from '../layout.js';
import { storeOverview } from './store-overview.js';

const CLEAR: HostListen = { port: 80, tls: 'none', proxy: 'none' };

function machine(address: string): string {
  return JSON.stringify({ address, version: '1.2.3', started: '2026-11-27T10:00:00.000Z', lease: '7' });
}

function host(site: string, listen: HostListen[] = [CLEAR], state = 'up'): string {
  return JSON.stringify({ address: '10.0.0.1', site, state, weight: 100, generation: 1, listen });
}

function overview(entries: Record<string, string>, wanted?: string): ReturnType<typeof storeOverview> {
  const all = new Map(Object.entries(entries));
  return storeOverview({ prefix: '/f', entries: all, revision: '9', host: wanted });
}

void describe('the overview of a store', () => {
  void it('has machines with the number of their hosts, and hosts with their machines', () => {
    const seen = overview({
      '/f/machines/m1': machine('10.0.0.1'),
      '/f/machines/m2': machine('10.0.0.2'),
      '/f/hosts/a.test/m1': host('a'),
      '/f/hosts/a.test/m2': host('a', [CLEAR], 'drain'),
      '/f/hosts/b.test/m1': host('b'),
      '/f/sites/a/m1': '{"state":"up","generation":1}',
    });
    assert.deepEqual(
      seen.machines.map(({ machine: name, up, drain }) => [name, up, drain]),
      [
        ['m1', 2, 0],
        ['m2', 0, 1],
      ],
    );
    assert.deepEqual(
      seen.hosts.map(({ host: name, machines }) => [name, machines.map(({ state }) => state)]),
      [
        ['a.test', ['up', 'drain']],
        ['b.test', ['up']],
      ],
    );
    assert.deepEqual([seen.revision, seen.hostCount, seen.conflictCount], ['9', 2, 0]);
    assert.equal(seen.unreadable, undefined);
  });

  void it('shows where machines do not agree, which other ports do not make', () => {
    const secure: HostListen = { port: 443, tls: 'passthrough', proxy: 'none' };
    const proxied: HostListen = { ...CLEAR, proxy: 'v2' };
    const seen = overview({
      '/f/hosts/a.test/m1': host('a'),
      '/f/hosts/a.test/m2': host('a', [{ ...CLEAR, port: 8080 }]),
      '/f/hosts/b.test/m1': host('b'),
      '/f/hosts/b.test/m2': host('x', [CLEAR, secure]),
      '/f/hosts/b.test/m3': host('x', [proxied]),
    });
    assert.deepEqual(
      seen.hosts.map(({ host: name }) => name),
      ['b.test', 'a.test'],
    );
    assert.equal(seen.conflictCount, 1);
    assert.deepEqual(seen.hosts[0]?.conflicts, [
      {
        field: 'site',
        claims: [
          { value: 'b', machines: ['m1'] },
          { value: 'x', machines: ['m2', 'm3'] },
        ],
      },
      {
        field: 'tls',
        claims: [
          { value: 'none', machines: ['m1', 'm3'] },
          { value: 'none, passthrough', machines: ['m2'] },
        ],
      },
      {
        field: 'proxy',
        claims: [
          { value: 'none', machines: ['m1', 'm2'] },
          { value: 'v2', machines: ['m3'] },
        ],
      },
    ]);
    assert.equal(seen.hosts[1]?.conflicts, undefined);
  });

  void it('has one host where it is asked for one, and no more than an answer may have', () => {
    const many = Object.fromEntries(
      Array.from({ length: 3000 }, (_, index) => [`/f/hosts/h${index}.test/m1`, host('a')]),
    );
    const seen = overview(many);
    assert.deepEqual([seen.hosts.length, seen.hostCount], [2000, 3000]);
    const one = overview(many, 'h2999.test');
    assert.deepEqual([one.hosts.map(({ host: name }) => name), one.hostCount], [['h2999.test'], 3000]);
  });

  void it('counts what can not be read', () => {
    const entries = {
      '/f/machines/m1': '{"address":"10.0.0.1"}',
      '/f/hosts/a.test/m1': 'no JSON',
      '/f/sites/a/m1': '{"state":"away"}',
      '/f/other': '1',
    };
    const { unreadable, machines, hosts } = overview(entries);
    assert.deepEqual(unreadable, { count: 4, keys: Object.keys(entries) });
    assert.deepEqual([machines, hosts], [[], []]);
  });
});
