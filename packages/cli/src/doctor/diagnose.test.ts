import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { diagnose } from './diagnose.js';
import type { Facts } from './diagnose.js';

const SITE: SiteStatus = { siteId: 'a', state: 'running', generation: 1, hosts: [], workers: [], parked: 0 };
const STATUS: DaemonStatus = {
  daemon: { pid: 10, version: '1.0.0', node: 'v22.0.0', uptimeMs: 1 },
  master: { pid: 11, uptimeMs: 1, restarts: 0 },
  listeners: [],
  sites: [SITE],
};
const WELL: Facts = {
  runDir: {
    path: '/run/v',
    exists: true,
    holder: { pid: 10, lives: true },
    hasControlSocket: true,
    foreign: [],
    othersFiles: [],
    stale: [],
  },
  stateDirFault: undefined,
  status: STATUS,
  silence: undefined,
  workers: [{ pid: 12, workerId: 'a/1', isOrphan: false }],
  version: '1.0.0',
  node: 'v22.0.0',
  nodeIsGone: false,
  wantedSites: ['a'],
};

function told(facts: Partial<Facts>): string[] {
  return diagnose({ ...WELL, ...facts }).map(({ level, subject, message, todo }) => {
    assert.notEqual(todo, '');
    return `${level} ${subject}: ${message}`;
  });
}

function sites(...changed: Partial<SiteStatus>[]): Partial<Facts> {
  return { status: { ...STATUS, sites: changed.map((fields) => ({ ...SITE, ...fields })) } };
}

void it('where all is well nothing is found, nor where nothing runs', () => {
  assert.deepEqual(told({}), []);
  const empty = {
    path: '/run/v',
    exists: false,
    hasControlSocket: false,
    foreign: [],
    othersFiles: [],
    stale: [],
  };
  const { status: _status, ...silent } = WELL;
  assert.deepEqual(told({ ...silent, status: undefined, runDir: empty }), []);
});

void it('a daemon whose answer is not understood is none to be ended', () => {
  const [finding, ...others] = diagnose({
    ...WELL,
    status: undefined,
    silence: 'invalid message',
    answersOddly: true,
  });
  assert.match(
    finding?.message ?? '',
    /^its daemon, process 10, answers what this vhostd does not understand/,
  );
  assert.match(finding?.todo ?? '', /leave it running/);
  assert.ok(!/kill/.test(finding?.todo ?? ''));
  assert.deepEqual(others, []);
});

void it('a run directory is unsafe, foreign, stale, or its daemon is deaf', () => {
  const { runDir } = WELL;
  assert.deepEqual(
    told({
      runDir: {
        ...runDir,
        unsafe: 'its group may write to it',
        foreign: ['notes'],
        othersFiles: [{ name: 'daemon.lock', uid: 7 }],
        stale: ['.c99'],
        pidFileFault: 'it is a symbolic link',
      },
    }),
    [
      'error run directory /run/v: its group may write to it',
      "error run directory /run/v: holds 'notes', which is not vhostd's",
      "error run directory /run/v: 'daemon.lock' belongs to uid 7",
      'error run directory /run/v: daemon.pid: it is a symbolic link',
      "warning run directory /run/v: '.c99' was left by a process that was killed",
    ],
  );
  assert.deepEqual(told({ status: undefined, silence: 'no answer' }), [
    'error run directory /run/v: its daemon, process 10, does not answer: no answer',
  ]);
  assert.deepEqual(told({ status: undefined, runDir: { ...runDir, holder: { pid: 10, lives: false } } }), [
    'warning run directory /run/v: daemon.pid names process 10, which has ended',
    'warning run directory /run/v: holds the control socket of a daemon that has ended',
  ]);
  assert.deepEqual(told({ stateDirFault: 'others may write to /s' }), [
    'error state directory: others may write to /s',
  ]);
});

void it('workers without a master, other versions, a Node that is gone', () => {
  assert.deepEqual(told({ workers: [{ pid: 12, workerId: 'a/1', isOrphan: true }] }), [
    'warning worker a/1, process 12: has no master any more',
  ]);
  assert.deepEqual(told({ version: '1.1.0', node: 'v24.0.0', nodeIsGone: true }), [
    'warning daemon: is vhostd 1.0.0, this command 1.1.0',
    'warning daemon: runs on Node v22.0.0, this command on v24.0.0',
    'warning daemon: its Node is not on disk any more, as after an update',
  ]);
});

void it('sites that are down, or not as they should be', () => {
  const { master: _master, ...masterless } = STATUS;
  assert.deepEqual(told({ status: masterless }), ['error master: none lives at the moment']);
  assert.deepEqual(told(sites({ state: 'errored', reason: 'it broke' })), [
    'error site a: does not run: it broke',
  ]);
  assert.deepEqual(told(sites({ state: 'waiting', waitsFor: ['b'] })), ['warning site a: waits for b']);
  assert.deepEqual(told(sites({ state: 'stopped' })), ['warning site a: was stopped']);
  const worker = { workerId: 'a/2', slot: 0, generation: 1, connections: 0, restarts: 3, replacements: 0 };
  assert.deepEqual(
    told(
      sites({
        reason: 'the last reload failed',
        paused: true,
        maintenance: {},
        certificateFaults: ['the certificate of a.test has expired'],
        workers: [{ ...worker, state: 'backoff', reason: 'exited' }],
      }),
    ),
    [
      'warning site a: the last reload failed',
      'warning site a: worker a/2 is down after 3 restarts: exited',
      'warning site a: the certificate of a.test has expired',
      'warning site a: is paused: its new connections wait',
      'warning site a: answers with its maintenance page',
    ],
  );
  const broken = 'exited with code 1; it printed: FATAL: DATABASE_URL is not set';
  assert.deepEqual(
    told(
      sites({
        reason: `worker a/2 ${broken}`,
        workers: [
          { ...worker, state: 'backoff', reason: broken },
          { ...worker, workerId: 'a/1', state: 'backoff', restarts: 1, reason: 'exited with code 2' },
        ],
      }),
    ),
    [
      `warning site a: worker a/2 ${broken}`,
      'warning site a: worker a/1 is down after 1 restart: exited with code 2',
    ],
  );
  const [taken] = diagnose({
    ...WELL,
    ...sites({ state: 'errored', reason: 'cannot bind *:80 (EADDRINUSE): another process listens on it' }),
  });
  assert.match(taken?.todo ?? '', /^stop what has it, which ss -ltnp names/);
  const [unwritable] = diagnose({ ...WELL, ...sites({ reason: "its log can't be written: EACCES" }) });
  assert.match(unwritable?.todo ?? '', /^correct that: it is tried again/);
  assert.deepEqual(told({ wantedSites: ['b'] }), [
    'warning site b: is in the conf, but not loaded',
    'warning site a: is loaded, but not in the conf',
  ]);
  assert.deepEqual(told({ ...sites({ added: true }), wantedSites: [] }), []);
});

void it('a transport that is not the one that was wished for', () => {
  const handoff = { type: 'pipe' as const, handsBack: false, reason: 'koffi cannot be loaded' };
  assert.deepEqual(told({ status: { ...STATUS, handoff } }), [
    'warning handoff: connections go to workers by pipe: koffi cannot be loaded',
  ]);
  assert.deepEqual(told({ status: { ...STATUS, handoff: { type: 'native', handsBack: true } } }), []);
});

void it('metrics that nobody can ask for, and a collector that does not get them', () => {
  const push = { endpoint: 'http://c.test/v1/metrics', fault: 'the collector answers 503' };
  const metrics = { ipaddress: '::1', port: 9464 };
  assert.deepEqual(told({ status: { ...STATUS, metrics } }), []);
  assert.deepEqual(told({ status: { ...STATUS, metrics: { ...metrics, fault: 'cannot bind', push } } }), [
    'warning metrics: vhostd does not answer on port 9464 of ::1, health checks neither: cannot bind',
    'warning metrics: the last message did not get to http://c.test/v1/metrics: the collector answers 503',
  ]);
});
