import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DaemonStatus, SiteDetail, SiteStatus } from '@vhostd/protocol';
import { formatBytes } from './bytes.js';
import { formatDuration } from './duration.js';
import { printable, printableLine } from './printable.js';
import { isAtFault } from './site-faults.js';
import { siteReport } from './site-report.js';
import { statusReport } from './status-report.js';

const worker = {
  slot: 0,
  generation: 3,
  state: 'ready',
  connections: 12,
  restarts: 0,
  replacements: 0,
  memoryBytes: 90_000_000,
  uptimeMs: 3_720_000,
} as const;
const daemon = { pid: 10, version: '1.2.3', node: 'v20.20.2', uptimeMs: 61_000 };

/** As on a terminal so wide. */
function at(columns: number): { table: number; text: number } {
  return { table: columns, text: columns };
}

void it('a status is a line a site within 80 characters, those at fault first, and then what went wrong', () => {
  const status: DaemonStatus = {
    daemon,
    master: { pid: 11, uptimeMs: 5_000, restarts: 1 },
    listeners: [
      { address: '0.0.0.0', port: 80, type: 'tcp' },
      { address: '::', port: 443, type: 'ssl' },
    ],
    sites: [
      {
        siteId: 'shop',
        state: 'reloading',
        generation: 3,
        hosts: ['shop.test', '*.shop.test'],
        workers: [
          { ...worker, workerId: 'shop/1', pid: 4_000 },
          { ...worker, workerId: 'shop/2', generation: 4, state: 'backoff', reason: 'exited with code 1' },
        ],
        parked: 2,
      },
      {
        siteId: 'c',
        state: 'idle',
        generation: 1,
        hosts: ['c.test'],
        workers: [],
        parked: 1,
        paused: true,
        maintenance: { message: 'back soon' },
      },
      { siteId: 'b', state: 'errored', generation: 1, hosts: [], workers: [], parked: 0, reason: 'it threw' },
      {
        siteId: 'd',
        state: 'waiting',
        generation: 1,
        hosts: [],
        workers: [],
        parked: 0,
        waitsFor: ['shop', 'b'],
      },
    ],
    handoff: { type: 'ipc', reason: 'the self-test failed' },
    counts: {
      accepted: 0,
      handedOff: 0,
      acceptedDirectly: 0,
      redispatched: 0,
      handedBack: 0,
      refused: {},
      refusedReasons: {},
      violations: 0,
    },
  };
  const report = statusReport(status, at(80));
  assert.deepEqual(report, [
    'daemon   pid 10, 1.2.3, Node v20.20.2, up 1m 1s',
    'master   pid 11, up 5s, 1 restart, handoff by ipc',
    'listens  0.0.0.0:80 tcp, [::]:443 ssl',
    '',
    'SITE  STATE                      WORKERS  CONNS  REQ/S  RESTARTS  MEM   UP     …',
    'b     errored                    0/0      0      -      0         -     -      -',
    'shop  reloading                  1/1      24     -      0         172M  1h 2m  …',
    'd     waiting                    0/0      0      -      0         -     -      -',
    'c     idle, paused, maintenance  0/0      0      -      0         -     -      …',
    '',
    'shop: 2 connections wait for a worker',
    'shop/2: exited with code 1',
    'c: in maintenance: back soon',
    'c: 1 connection waits for vhostd resume',
    'b: it threw',
    'd: waits for shop, b',
    'handoff by ipc: the self-test failed',
  ]);
  assert.deepEqual(
    report.filter((line) => line.length > 80),
    [],
  );
  assert.equal(statusReport(status, at(120))[6]?.endsWith('shop.test, *.shop.test'), true);
  const refusing = (siteId: string, refused: Record<string, number>): DaemonStatus['sites'][number] => ({
    siteId,
    state: 'running',
    generation: 1,
    hosts: [],
    workers: [],
    parked: 0,
    refused,
  });
  const few = {
    ...status,
    sites: [refusing('a', { 'other-host': 1 }), refusing('b', { 'host-path': 2, 'other-host': 3 })],
  };
  assert.ok(
    statusReport(few, at(80)).includes('refused  by b: 3 other-host, 2 host-path; by a: 1 other-host'),
  );
  const many = {
    ...status,
    counts: { ...status.counts, refusedReasons: { silent: 1, 'no-site': 2 } },
    sites: ['a', 'b', 'c', 'd', 'e', 'f'].map((siteId) => refusing(siteId, { 'other-host': 1 })),
  };
  assert.match(
    statusReport(many as DaemonStatus, at(80))[3] ?? '',
    /^refused  2 no-site, 1 silent; by a: 1 other-host; .*; by e: 1 other-host; by 1 other site$/,
  );
  // Who has no room for all of it sees the beginning.
  const narrow = statusReport(status, at(40)).slice(4, 9);
  assert.deepEqual(
    narrow.map((line) => line.length),
    [40, 40, 40, 40, 40],
  );
  assert.match(narrow[1] ?? '', /^b +errored.*…$/u);
  const coloured = statusReport(status, at(120), true).slice(5, 9);
  assert.deepEqual(
    coloured.map((line) => (line.endsWith('\u{1b}[39m') ? line.split(/[[m]/u)[1] : undefined)),
    ['31', '33', '33', undefined],
  );
});

void it('a site is shown with a line a worker, what went wrong, where its logs are and by what conf it runs', () => {
  const site = {
    siteId: 'shop',
    state: 'running',
    generation: 3,
    hosts: ['shop.test'],
    workers: [
      {
        ...worker,
        workerId: 'shop/1',
        pid: 4_000,
        requestsPerSecond: 7.5,
        cpuShare: 0.125,
        alsoListens: ['http on port 9118 of 127.0.0.1'],
      },
      {
        ...worker,
        workerId: 'shop/2',
        generation: 4,
        state: 'backoff',
        restarts: 2,
        reason: 'exited with code 1',
      },
    ],
    parked: 0,
    conf: {
      path: '/srv/shop',
      workerFile: '/srv/shop/server.js',
      cpuLen: 2,
      restart: { intensity: 5 },
      workerOptions: { env: ['PORT'], cwd: '/srv' },
    },
    ends: [{ time: '2026-11-27T08:15:00.000Z', workerId: 'shop/1', reason: 'exited with code 1' }],
  } as const;
  const detail: SiteDetail = {
    ...site,
    hosts: [...site.hosts],
    workers: site.workers.map((one) =>
      'alsoListens' in one ? { ...one, alsoListens: [...one.alsoListens] } : one,
    ),
    ends: [...site.ends],
    logs: [{ file: '/var/lib/vhostd/log/shop.log', streams: ['stdout', 'stderr'] }],
  };
  assert.deepEqual(siteReport(detail, Infinity), [
    'site   shop, running, generation 3',
    'hosts  shop.test',
    'runs   /srv/shop/server.js, in /srv',
    'also   http on port 9118 of 127.0.0.1',
    'log    /var/lib/vhostd/log/shop.log (stdout, stderr)',
    '',
    'WORKER  PID   STATE                   CONNS  REQ/S  RESTARTS  REPLACED  CPU    MEM    UP',
    'shop/1  4000  ready                   12     7.5    0         0         12.5%  85.8M  1h 2m',
    'shop/2  -     backoff (generation 4)  12     -      2         0         -      85.8M  1h 2m',
    '',
    'shop/2: exited with code 1',
    '',
    'ends that nobody asked for:',
    '  2026-11-27T08:15:00.000Z  shop/1  exited with code 1',
    '',
    'conf in force:',
    '  path               /srv/shop',
    '  workerFile         /srv/shop/server.js',
    '  cpuLen             2',
    '  restart.intensity  5',
    '  workerOptions.env  ["PORT"]',
    '  workerOptions.cwd  /srv',
  ]);
});

void it('on a terminal, long values of a site go on in the next lines, and what went wrong is broken between words', () => {
  const hosts = Array.from({ length: 1000 }, (_, index) => `h${index}.test`);
  const detail: SiteDetail = {
    siteId: 'many',
    state: 'errored',
    reason:
      'worker many/5 exited with code 1; gave up after 1 restart within 60 s; vhostd reload many starts it anew',
    generation: 1,
    hosts,
    workers: [],
    parked: 0,
    conf: {
      listen: hosts.map((host) => ({ host, port: 80 })),
      path: `/srv/${'deep/'.repeat(20)}many`,
      'workerOptions.inheritEnv': ['*'],
    },
    ends: [],
  };
  const lines = siteReport(detail, 80);
  assert.equal(lines[1], 'hosts  h0.test, h1.test, h2.test, h3.test, h4.test, h5.test, h6.test +993');
  assert.deepEqual(lines.slice(5, 7), [
    'many: worker many/5 exited with code 1; gave up after 1 restart within 60 s;',
    '  vhostd reload many starts it anew',
  ]);
  const conf = lines.slice(lines.indexOf('conf in force:') + 1);
  const indent = ' '.repeat('  workerOptions.inheritEnv  '.length);
  assert.equal(conf[0], `  listen                    [{"host":"h0.test","port":80},`);
  assert.equal(conf[1], `${indent}{"host":"h1.test","port":80},`);
  assert.equal(conf[100], `${indent}and 900 more]`);
  assert.equal(
    conf
      .slice(101, 104)
      .map((line) => line.slice(indent.length))
      .join(''),
    `/srv/${'deep/'.repeat(20)}many`,
  );
  assert.equal(conf.at(-1), '  workerOptions.inheritEnv  ["*"]');
  assert.ok(lines.every((line) => line.length <= 80));
  assert.ok(siteReport(detail, Infinity)[1]?.endsWith(', h999.test'));
});

void it('workers are told of as many as a site is to have, also while the first one boots alone', () => {
  const booting = { ...worker, workerId: 'a/1', generation: 1, state: 'backoff' } as const;
  const site = { siteId: 'a', generation: 1, hosts: [], parked: 0, slots: 4 };
  const shownOf = (fields: Pick<SiteStatus, 'state' | 'workers'>): string | undefined => {
    const lines = statusReport({ daemon, listeners: [], sites: [{ ...site, ...fields }] }, at(80));
    return /\d+\/\d+/.exec(lines.find((line) => line.startsWith('a ')) ?? '')?.[0];
  };
  assert.equal(shownOf({ state: 'booting', workers: [booting] }), '0/4');
  assert.equal(shownOf({ state: 'errored', workers: [] }), '0/4');
  assert.equal(shownOf({ state: 'running', workers: [{ ...booting, state: 'ready' }] }), '1/4');
  assert.equal(shownOf({ state: 'frozen', workers: [{ ...booting, state: 'ready' }] }), '1/4');
  for (const state of ['idle', 'stopped', 'finished', 'waiting'] as const) {
    assert.equal(shownOf({ state, workers: [] }), '0/0');
  }
});

void it('a site with a cron is shown with its next time, and why the last one was left out', () => {
  const site = {
    siteId: 'backup',
    state: 'running',
    generation: 1,
    hosts: [],
    workers: [],
    parked: 0,
  } as const;
  const next = '2026-11-28T03:00:00.000Z';
  const skipped = { time: '2026-11-27T03:00:00.000Z', reason: 'the last run is still at work' };
  const lines = siteReport(
    { ...site, hosts: [], workers: [], conf: {}, ends: [], cron: { next, skipped } },
    Infinity,
  );
  assert.deepEqual(lines.slice(2, 4), [
    'next run  2026-11-28T03:00:00.000Z',
    'skipped   2026-11-27T03:00:00.000Z: the last run is still at work',
  ]);
});

void it('reasons of ends are broken between words, and told once where they are the same', () => {
  const site = { siteId: 'a', generation: 1, hosts: [], workers: [], parked: 0, conf: {} };
  const reason = 'exited with code 1: the database refuses the connection, which this site needs';
  const ends = [
    { time: '2026-11-27T08:15:02.000Z', workerId: 'a/10', reason },
    { time: '2026-11-27T08:15:01.000Z', workerId: 'a/9', reason },
    { time: '2026-11-27T08:15:00.000Z', workerId: 'a/8', reason: 'exited with code 1' },
  ];
  const lines = siteReport({ ...site, state: 'booting', ends }, 80);
  const start = lines.indexOf('ends that nobody asked for:') + 1;
  assert.deepEqual(lines.slice(start, start + 5), [
    '  2026-11-27T08:15:02.000Z  a/10  exited with code 1: the database refuses the',
    '                                    connection, which this site needs',
    '  2026-11-27T08:15:01.000Z  a/9   the same',
    '  2026-11-27T08:15:00.000Z  a/8   exited with code 1',
    '',
  ]);
});

void it('a frozen site is shown with the connections that the master keeps for it, and its workers as they stand', () => {
  const site = { siteId: 'a', generation: 1, hosts: [], parked: 0, conf: {}, ends: [] };
  const workers = [{ ...worker, workerId: 'a/1', generation: 1, state: 'ready' as const }];
  const lines = siteReport({ ...site, workers, state: 'frozen', kept: 3 }, Infinity);
  assert.match(lines[5] ?? '', /^a\/1 .* frozen /u);
  assert.equal(lines[0], 'site   a, frozen, generation 1');
  assert.equal(lines[2], 'kept   3 connections between two requests, by the master');
});

void it('a site is at fault when it was given up, and degraded when not all is well', () => {
  const site: SiteStatus = {
    siteId: 'a',
    state: 'running',
    generation: 1,
    hosts: [],
    workers: [],
    parked: 0,
  };
  const cases: [Partial<SiteStatus>, errored: boolean, degraded: boolean][] = [
    [{}, false, false],
    [{ state: 'idle' }, false, false],
    [{ state: 'frozen' }, false, false],
    [{ state: 'errored' }, true, true],
    [{ state: 'booting' }, false, true],
    [{ reason: 'the last reload failed' }, false, true],
    [{ workers: [{ ...worker, workerId: 'a/1', state: 'backoff' }] }, false, true],
    [{ workers: [{ ...worker, workerId: 'a/1', state: 'draining' }] }, false, false],
  ];
  for (const [change, errored, degraded] of cases) {
    const changed = { ...site, ...change };
    assert.deepEqual([isAtFault(changed, 'errored'), isAtFault(changed, 'degraded')], [errored, degraded]);
  }
});

void it('a thousand hosts and workers are shown without delay', () => {
  const hosts = Array.from({ length: 1000 }, (_, index) => `host-${index}.example.test`);
  const site: SiteStatus = { siteId: 'a', state: 'running', generation: 1, hosts, workers: [], parked: 0 };
  const sites = Array.from({ length: 200 }, (_, index) => ({ ...site, siteId: `site-${index}` }));
  const report = statusReport({ daemon, listeners: [], sites }, at(80));
  assert.equal(report.length, 205);
  assert.match(report[5] ?? '', /^site-0 +running +0\/0 +0 +- +0 +- +- +host-0\.exa\S* \+999$/);
  assert.equal(printableLine('x'.repeat(10) + ' '.repeat(200_000)).length, 200_010);
});

void it('requests a second are those of all workers, and why a worker ended is not told twice', () => {
  const crashing: SiteStatus = {
    siteId: 'shop',
    state: 'booting',
    generation: 3,
    hosts: ['shop.test'],
    workers: [
      { ...worker, workerId: 'shop/1', pid: 1, requestsPerSecond: 60.04 },
      { ...worker, workerId: 'shop/2', pid: 2, requestsPerSecond: 30 },
      { ...worker, workerId: 'shop/3', pid: 3, reason: 'replaced shop/9: exited with code 1' },
    ],
    parked: 0,
    reason: 'worker shop/9 exited with code 1',
  };
  const report = statusReport({ daemon, listeners: [], sites: [crashing] }, at(100));
  assert.match(report[5] ?? '', /^shop +booting +3\/3 +36 +90\.0 +0 /);
  assert.deepEqual(report.slice(6), ['', 'shop: worker shop/9 exited with code 1']);
});

void it('a daemon between two masters has no sites to show', () => {
  assert.deepEqual(statusReport({ daemon, listeners: [], sites: [] }, at(80)), [
    'daemon   pid 10, 1.2.3, Node v20.20.2, up 1m 1s',
    'master   none right now',
    'listens  -',
    '',
    'no sites',
  ]);
});

void it('what a site says of itself cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[31mb\u202ec\nd\u0007'), 'a\\u{1b}[31mb\\u{202e}c\nd\\u{7}');
  assert.equal(printableLine('2 problems\n  first\n  second'), '2 problems; first; second');
  const [, , , , , row] = statusReport(
    {
      daemon,
      listeners: [],
      sites: [
        { siteId: 'a\u001b', state: 'running', generation: 1, hosts: ['x\ny'], workers: [], parked: 0 },
      ],
    },
    at(80),
  );
  assert.match(row ?? '', /^a\\u\{1b\} +running +0\/0 +0 +- +0 +- +- +x; y$/);
});

void it('a size is told in three digits of its unit', () => {
  const sizes: [number, string][] = [
    [0, '0K'],
    [831_488, '812K'],
    [66_584_576, '63.5M'],
    [1_342_177_280, '1.25G'],
    [1_072_693_248, '0.999G'],
  ];
  for (const [bytes, expected] of sizes) assert.equal(formatBytes(bytes), expected);
});

void it('a time span is told in its two largest units', () => {
  const spans: [number, string][] = [
    [0, '0s'],
    [59_999, '59s'],
    [60_000, '1m 0s'],
    [3_600_000, '1h 0m'],
    [90_061_000, '1d 1h'],
  ];
  for (const [spanMs, expected] of spans) assert.equal(formatDuration(spanMs), expected);
});

void it('where metrics are, and what is wrong with that', () => {
  const of = (metrics: DaemonStatus['metrics']): string[] =>
    statusReport(
      { daemon, listeners: [], sites: [], ...(metrics === undefined ? {} : { metrics }) },
      at(80),
    ).filter((line) => line.startsWith('metrics'));
  assert.deepEqual(of(undefined), []);
  assert.deepEqual(of({ ipaddress: '127.0.0.1', port: 9464 }), ['metrics  127.0.0.1:9464']);
  const push = { endpoint: 'http://c.test/v1/metrics', fault: 'the collector answers 503' };
  assert.deepEqual(of({ ipaddress: '::', port: 9464, fault: 'cannot bind', push }), [
    'metrics  [::]:9464, not there: cannot bind; to http://c.test/v1/metrics, which failed: the collector answers 503',
  ]);
});
