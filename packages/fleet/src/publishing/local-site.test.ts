import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SiteDetail } from '@vhostd/protocol';
import { localSiteOf } from './local-site.js';

function detailOf(listen: object[], more: Partial<SiteDetail> = {}): SiteDetail {
  const worker = {
    workerId: 'a-0',
    slot: 0,
    generation: 3,
    state: 'ready',
    connections: 0,
    restarts: 0,
    replacements: 0,
  } as const;
  const conf = {
    listen,
    drainTimeoutMs: 7000,
    proxySources: [{ type: 'ssl', port: 443, ranges: ['10.0.0.0/8'] }],
  };
  return {
    siteId: 'a',
    state: 'running',
    generation: 3,
    hosts: [],
    workers: [worker],
    parked: 0,
    ends: [],
    conf,
    ...more,
  };
}

void it('publishes what others can reach, and how', () => {
  const site = localSiteOf(
    detailOf([
      { type: 'tcp', host: 'a.test', port: 80 },
      { type: 'ssl', host: 'a.test', port: 443 },
      { type: 'tcp', host: 'a.test', port: 8080, ipaddress: '127.0.0.1' },
      { type: 'tcp', host: 'b.test', port: 81, ipaddress: '10.0.0.1' },
      { type: 'tcp', host: 'b.test', port: 0 },
      { type: 'tcp', port: 82, ipaddress: '0.0.0.0' },
    ]),
    '10.0.0.1',
  );
  assert.deepEqual(Object.fromEntries(site.hosts), {
    'a.test': [
      { port: 80, tls: 'none', proxy: 'none' },
      { port: 443, tls: 'passthrough', proxy: 'v2' },
    ],
    'b.test': [{ port: 81, tls: 'none', proxy: 'none' }],
    '*': [{ port: 82, tls: 'none', proxy: 'none' }],
  });
  assert.deepEqual([site.readiness, site.generation, site.drainTimeoutMs], ['serves', 3, 7000]);
});

for (const [more, readiness] of [
  [{ state: 'reloading' }, 'serves'],
  [{ state: 'reloading', workers: [] }, 'gone'],
  [{ state: 'idle', workers: [] }, 'serves'],
  [{ state: 'frozen' }, 'serves'],
  [{ state: 'booting', workers: [] }, 'coming'],
  [{ state: 'waiting', workers: [] }, 'coming'],
  [{ state: 'restarting' }, 'gone'],
  [{ state: 'stopping' }, 'gone'],
  [{ state: 'errored', workers: [] }, 'gone'],
  [{ state: 'running', paused: true }, 'gone'],
] as const) {
  void it(`of a site that is ${JSON.stringify(more)} others are told: ${readiness}`, () => {
    assert.equal(localSiteOf(detailOf([], more as Partial<SiteDetail>), '10.0.0.1').readiness, readiness);
  });
}
