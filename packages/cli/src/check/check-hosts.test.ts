import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SiteConf } from '@vhostd/master';
import { checkHosts } from './check-hosts.js';

type Listen = SiteConf['listen'][number];

void it('two sites with one host or one default at one address are told, and two kinds of one address', () => {
  assert.deepEqual(
    told({ a: [{ type: 'tcp', host: 'x.test', port: 80 }], b: [{ type: 'tcp', port: 80 }] }),
    [],
  );
  assert.deepEqual(
    told({
      a: [{ type: 'tcp', host: 'x.test', port: 80 }],
      b: [{ type: 'tcp', host: 'x.test', port: 80, ipaddress: '::' }],
    }),
    ['a, b: both claim host x.test of *:80'],
  );
  assert.deepEqual(told({ a: [{ type: 'tcp', port: 80 }], b: [{ type: 'tcp', port: 80 }] }), [
    'a, b: both claim the default of *:80',
  ]);
  assert.deepEqual(
    told({
      a: [{ type: 'tcp', host: 'x.test', port: 80 }],
      b: [{ type: 'ssl', host: 'y.test', port: 80 }],
    }),
    ['address *:80: is listened on as tcp and as ssl'],
  );
  // Not the same address, or a port that nobody knows yet.
  assert.deepEqual(
    told({
      a: [{ type: 'tcp', host: 'x.test', port: 0 }],
      b: [{ type: 'ssl', host: 'x.test', port: 0 }],
      c: [{ type: 'tcp', host: 'x.test', port: 80, ipaddress: '127.0.0.1' }],
      d: [{ type: 'tcp', host: 'x.test', port: 80, ipaddress: '127.0.0.2' }],
    }),
    [],
  );
});

function told(listens: Record<string, Listen[]>): string[] {
  const sites = Object.entries(listens).map(
    ([siteId, listen]) => ({ siteId, listen, defaultListen: false }) as unknown as SiteConf,
  );
  return checkHosts({ sites }).map(({ subject, message }) => `${subject}: ${message}`);
}
