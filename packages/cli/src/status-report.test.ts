import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { formatDuration } from './duration.js';
import { printable, printableLine } from './printable.js';
import { statusReport } from './status-report.js';

const worker = {
  slot: 0,
  generation: 3,
  state: 'ready',
  connections: 12,
  restarts: 0,
  replacements: 0,
} as const;
const daemon = { pid: 10, version: '1.2.3', node: 'v20.20.2', uptimeMs: 61_000 };

void it('a status is aligned columns, a line a worker, and then what went wrong', () => {
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
        state: 'sleeping',
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
      handedOffAgain: 0,
      handedBack: 0,
      refused: {},
      refusedReasons: {},
      violations: 0,
    },
  };
  assert.deepEqual(statusReport(status), [
    'daemon   pid 10, 1.2.3, Node v20.20.2, up 1m 1s',
    'master   pid 11, up 5s, 1 restart, hand-over by ipc',
    'listens  0.0.0.0:80 tcp, [::]:443 ssl',
    '',
    'SITE  STATE                          GENERATION  HOSTS                   WORKER  PID   STATE                   CONNECTIONS',
    'shop  reloading                      3           shop.test, *.shop.test  shop/1  4000  ready                   12',
    '                                                                         shop/2  -     backoff (generation 4)  12',
    'c     sleeping, paused, maintenance  1           c.test                  -       -     -                       -',
    'b     errored                        1           -                       -       -     -                       -',
    'd     waiting                        1           -                       -       -     -                       -',
    '',
    'shop: 2 connections wait for a worker',
    'shop/2: exited with code 1',
    'c: in maintenance: back soon',
    'c: 1 connection waits for vhostd resume',
    'b: it threw',
    'd: waits for shop, b',
    'hand-over by ipc: the self-test failed',
  ]);
});

void it('a daemon between two masters has no sites to show', () => {
  assert.deepEqual(statusReport({ daemon, listeners: [], sites: [] }), [
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
  const [, , , , , row] = statusReport({
    daemon,
    listeners: [],
    sites: [{ siteId: 'a\u001b', state: 'running', generation: 1, hosts: ['x\ny'], workers: [], parked: 0 }],
  });
  assert.match(row ?? '', /^a\\u\{1b\} +running +1 +x; y +- +- +- +-$/);
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
