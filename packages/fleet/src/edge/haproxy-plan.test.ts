import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostRecord, MachineRecord } from '../layout.js';
import type { SeenHost } from './fleet-view.js';
import { changesOf } from './haproxy-changes.js';
import type { Running } from './haproxy-changes.js';
import { haproxyFiles } from './haproxy-files.js';
import { backendName, planOf } from './haproxy-plan.js';
import type { Plan } from './haproxy-plan.js';
import type { RunningServer } from './haproxy-runtime.js';

const CONF = { dir: '/edge', http: [':80'], https: [':443'] };

function hostOf(host: string, machine: string, more: Partial<HostRecord> = {}): SeenHost {
  const listen = [{ port: 80, tls: 'none', proxy: 'none' }] as const;
  const record = {
    address: '10.0.0.1',
    site: 'a',
    state: 'up',
    weight: 100,
    generation: 1,
    listen,
    ...more,
  } as const;
  return { host, machine, record };
}

function machineOf(address = '10.0.0.1'): MachineRecord {
  return { address, version: '1', started: '', lease: '1', health: { port: 80, path: '/up', proxy: 'none' } };
}

function plan(hosts: SeenHost[], down: string[] = []): Plan {
  const machines = new Map(
    [...new Set(hosts.map(({ machine }) => machine))].map((one) => [one, machineOf()]),
  );
  return planOf(hosts, machines, (name) =>
    down.some((one) => name.startsWith(`machine:${one}:`)) ? 'down' : 'up',
  );
}

void describe('the plan of a HAProxy', () => {
  void it('has no two hosts of one backend', () => {
    const hosts = ['*', 'a.test', '*.a.test', '_.a.test', '[::1]', 'ip6', '1'];
    const names = hosts.flatMap((host) => [backendName('http', host), backendName('tls', host)]);
    assert.equal(new Set(names).size, names.length);
  });

  void it('drains a machine where another one is left, and nobody where none is', () => {
    const hosts = [hostOf('a.test', 'm1', { state: 'drain' }), hostOf('a.test', 'm2')];
    const drained = (of: Plan): boolean[] =>
      of.backends.flatMap(({ servers }) => servers.map(({ drain }) => drain));
    assert.deepEqual(drained(plan(hosts)), [true, false]);
    assert.deepEqual(drained(plan(hosts, ['m2'])), [false, false]);
    assert.deepEqual(drained(plan(hosts.slice(0, 1))), [false]);
    assert.deepEqual([...plan(hosts).kept], []);
    assert.deepEqual([...plan(hosts, ['m2']).kept], [['m1', 1]]);
    const secure = { port: 443, tls: 'passthrough', proxy: 'none' } as const;
    const clear = { port: 80, tls: 'none', proxy: 'none' } as const;
    const both = hostOf('a.test', 'm1', { state: 'drain', listen: [clear, secure] });
    assert.deepEqual([...plan([both]).kept], [['m1', 1]]);
  });

  void it('leads the longest suffix first', () => {
    const hosts = ['*.test', '*.b.a.test', '*.a.test'].map((host) => hostOf(host, 'm1'));
    assert.deepEqual(haproxyFiles(plan(hosts), CONF)['http-suffix.map'].split('\n'), [
      '.b.a.test http::b.a.test',
      '.a.test http::a.test',
      '.test http::test',
      '',
    ]);
  });

  void it('has a server of a machine in the conf that follows the check of the machine', () => {
    const listen = [
      { port: 80, tls: 'none', proxy: 'none' },
      { port: 443, tls: 'passthrough', proxy: 'v2' },
    ] as const;
    const made = plan([hostOf('a.test', 'm1', { listen, weight: 50 })]);
    const { name } = made.checks[0] ?? { name: '' };
    const text = haproxyFiles(made, CONF)['haproxy.cfg'];
    assert.ok(
      text.includes(`backend http:a.test\n  server m1:80 10.0.0.1:80 weight 50 track ${name}/m1\n`),
      text,
    );
    assert.ok(
      text.includes(
        `backend tls:a.test\n  mode tcp\n  server m1:443:v2 10.0.0.1:443 weight 50 track ${name}/m1 send-proxy-v2\n`,
      ),
      text,
    );
    assert.ok(text.includes('uri /up ver HTTP/1.1'), text);
  });

  void it('changes what runs by commands, and begins anew for a backend alone', () => {
    const before = plan([hostOf('a.test', 'm1'), hostOf('b.test', 'm2')]);
    const up = { maint: false, drain: false, state: 'up', weight: 100 } as const;
    const running = {
      backends: new Set([...before.checks, ...before.backends].map(({ name }) => name)),
      servers: new Map(
        before.backends.map(({ name, servers }) => [name, new Map(servers.map((one) => [one.name, up]))]),
      ),
      maps: {
        http: new Map([
          ['a.test', 'http:a.test'],
          ['b.test', 'http:b.test'],
        ]),
        tls: new Map(),
      },
    };
    assert.deepEqual(changesOf(before, running, '/edge'), {
      reload: false,
      settled: true,
      commands: [],
      touched: [],
    });
    const after = plan([hostOf('a.test', 'm1', { state: 'drain' }), hostOf('a.test', 'm2', { weight: 7 })]);
    const track = after.backends[0]?.servers[1]?.track;
    assert.deepEqual(changesOf(after, running, '/edge'), {
      reload: false,
      settled: false,
      commands: [
        'set server http:a.test/m1:80 state drain',
        `add server http:a.test/m2:80 10.0.0.1:80 weight 7 track ${track}`,
        'enable server http:a.test/m2:80',
        'set server http:b.test/m2:80 state maint',
        'del server http:b.test/m2:80',
        'del map /edge/http.map b.test',
      ],
      touched: ['http:a.test', 'http:b.test'],
    });
    assert.equal(changesOf(plan([hostOf('c.test', 'm1')]), running, '/edge').reload, true);
  });

  void it('is settled when nobody is led otherwise, though a server can not be removed yet', () => {
    const made = plan([hostOf('a.test', 'm1')]);
    const up = { maint: false, drain: false, state: 'up', weight: 100 } as const;
    const running = (left: RunningServer): Running => ({
      backends: new Set([...made.checks, ...made.backends].map(({ name }) => name)),
      servers: new Map([
        [
          'http:a.test',
          new Map([
            ['m1:80', up],
            ['m2:80', left],
          ]),
        ],
      ]),
      maps: { http: new Map([['a.test', 'http:a.test']]), tls: new Map() },
    });
    assert.equal(changesOf(made, running(up), '/edge').settled, false);
    const { settled, commands } = changesOf(made, running({ ...up, maint: true }), '/edge');
    assert.deepEqual([settled, commands.length], [true, 2]);
  });
});
