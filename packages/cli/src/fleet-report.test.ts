import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FleetHostMachine, FleetStatus, FleetStore } from '@vhostd/protocol';
import { fleetReport } from './fleet-report.js';

const STANDING: FleetStatus = {
  machine: 'm1',
  address: '10.0.0.11',
  state: 'connected',
  endpoint: 'http://10.0.0.1:2379',
  lease: '7587870123456789012',
  revision: '40',
};
const MACHINE = {
  machine: 'm1',
  address: '10.0.0.11',
  version: '0.1.0',
  started: '2026-11-27T10:00:00.000Z',
  lease: '7587870123456789012',
  up: 2,
  drain: 0,
};
const RECORD: FleetHostMachine = {
  machine: 'm1',
  address: '10.0.0.11',
  site: 'shop',
  state: 'up',
  weight: 100,
  generation: 1,
  listen: [{ port: 8080, tls: 'none', proxy: 'v2' }],
};
const STORE: FleetStore = {
  revision: '42',
  machines: [MACHINE, { ...MACHINE, machine: 'm2', address: '10.0.0.12', up: 0, drain: 1, lease: '8' }],
  hosts: [{ host: 'shop.example', machines: [RECORD, { ...RECORD, machine: 'm2', state: 'drain' }] }],
  hostCount: 1,
  conflictCount: 0,
};

void it('shows this machine, all machines, and a line a host and machine', () => {
  assert.deepEqual(fleetReport({ ...STANDING, store: STORE }, 80), [
    'machine   m1 at 10.0.0.11',
    'state     connected to http://10.0.0.1:2379',
    'lease     7587870123456789012',
    'revision  42',
    '',
    'MACHINE  ADDRESS    HOSTS  DRAIN  VERSION  STARTED',
    'm1       10.0.0.11  2      0      0.1.0    2026-11-27T10:00',
    'm2       10.0.0.12  1      1      0.1.0    2026-11-27T10:00',
    '',
    'HOST          MACHINE  STATE  SITE  PORTS',
    'shop.example  m1       up     shop  8080 proxy',
    '              m2       drain  shop  8080 proxy',
  ]);
});

void it('says what is wrong: conflicts, two machines of one name, keys that can not be read', () => {
  const [first] = STORE.hosts;
  const conflicts = [
    {
      field: 'site' as const,
      claims: [
        { value: 'shop', machines: ['m1'] },
        { value: 'blog', machines: ['m2'] },
      ],
    },
  ];
  const store: FleetStore = {
    ...STORE,
    machines: [{ ...MACHINE, lease: '9', address: '10.0.0.99' }],
    hosts: [{ ...first, host: 'shop.example', machines: first?.machines ?? [], conflicts }],
    conflictCount: 3,
    hostCount: 7,
    unreadable: { count: 2, keys: ['/f/x\u001b[31m'] },
  };
  const lines = fleetReport({ ...STANDING, store }, 140);
  assert.deepEqual(lines.slice(lines.lastIndexOf('') + 1), [
    'another vhostd publishes as m1 too, from 10.0.0.99: rename one',
    'shop.example: machines do not agree: site is shop on m1 and blog on m2',
    '2 more hosts have conflicts',
    '6 more of 7 hosts: vhostd fleet status --host HOST shows one',
    "2 keys can't be read, such as /f/x\\u{1b}[31m",
  ]);
  assert.match(lines.find((line) => line.startsWith('shop.example ')) ?? '', / up! /);
});

void it('says that the store can not be read, and what failed last', () => {
  const lastError = { time: '2026-11-27T10:00:00.000Z', message: 'connect ECONNREFUSED 10.0.0.1:2379' };
  const lost: FleetStatus = { machine: 'm1', address: '10.0.0.11', state: 'lost', error: 'x', lastError };
  assert.deepEqual(fleetReport({ ...lost, storeError: 'no answer' }, 80), [
    'machine     m1 at 10.0.0.11',
    'state       lost',
    'lease       none',
    'last error  2026-11-27T10:00:00.000Z connect ECONNREFUSED 10.0.0.1:2379',
    '',
    "the store can't be read: no answer",
  ]);
});

void it('fits the terminal, whatever names are like', () => {
  const long = 'x'.repeat(60);
  const ways = Array.from({ length: 16 }, (_, port) => ({ port, tls: 'passthrough', proxy: 'v2' }) as const);
  const record = { ...RECORD, machine: long, site: long, listen: [...ways] };
  const store: FleetStore = {
    ...STORE,
    machines: [{ ...MACHINE, machine: long, address: '2001:db8:85a3:1234:5678:8a2e:1370:7334' }],
    hosts: [{ host: `${long}.example`, machines: [record] }],
  };
  for (const width of [80, 140]) {
    const lines = fleetReport({ ...STANDING, store }, width);
    for (const line of lines) assert.ok(line.length <= width, `${width}: ${line}`);
  }
  const ended = fleetReport({ ...STANDING, store: { ...STORE, hosts: [], hostCount: 4 } }, 80, 'x.test');
  assert.equal(ended.at(-1), 'no machine publishes x.test');
});
