// Whose connections begin with a header of the PROXY protocol.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxySource } from '../conf/site-conf.js';
import { ProxySources } from './proxy-sources.js';

function source(port: number, ...ranges: string[]): ProxySource {
  return { type: 'tcp', port, ipaddress: '127.0.0.1', ranges };
}

const KEY = '127.0.0.1|80';

test('an address takes headers from the ranges that the confs of its sites name, together', () => {
  const sources = new ProxySources();
  assert.equal(sources.any(KEY), false);
  const [a, b] = [{}, {}];
  sources.set(a, [source(80, '10.0.0.0/8', '192.0.2.7/32')]);
  sources.set(b, [source(80, 'fd00::/8'), source(81, '127.0.0.0/8')]);
  assert.ok(sources.any(KEY));
  for (const address of ['10.200.0.1', '192.0.2.7', 'fdff::1', '::ffff:10.0.0.1'])
    assert.ok(sources.includes(KEY, address), address);
  for (const address of ['11.0.0.1', '192.0.2.8', '127.0.0.1', 'fe80::1', '::1'])
    assert.ok(!sources.includes(KEY, address), address);
  assert.ok(sources.includes('127.0.0.1|81', '127.0.0.1'));
  assert.ok(!sources.any('127.0.0.1|82'));
});

test('what a site says is forgotten when it says otherwise or is gone', () => {
  const sources = new ProxySources();
  const [a, b] = [{}, {}];
  sources.set(a, [source(80, '10.0.0.0/8')]);
  sources.set(b, [source(80, '192.0.2.0/24')]);
  sources.set(a, []);
  assert.ok(!sources.includes(KEY, '10.0.0.1') && sources.includes(KEY, '192.0.2.1'));
  sources.delete(b);
  assert.equal(sources.any(KEY), false);
});
