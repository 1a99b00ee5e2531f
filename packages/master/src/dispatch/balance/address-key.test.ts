// Which addresses count as one client.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressKey } from './address-key.js';

void test('an IPv4 address is its own key, also when a dual-stack listener maps it into IPv6', () => {
  for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:c000:0207']) {
    assert.equal(addressKey(address), '192.0.2.7', address);
  }
});

void test('IPv6 addresses of one /64 share a key, others do not', () => {
  for (const address of [
    '2001:db8::1',
    '2001:0DB8:0:0:ffff::9',
    '2001:db8:0:0:1:2:3:4',
    '2001:db8::1%eth0',
  ]) {
    assert.equal(addressKey(address), '2001:db8:0:0::/64', address);
  }
  assert.equal(addressKey('2001:db8:0:1::1'), '2001:db8:0:1::/64');
  assert.equal(addressKey('1:2:3:4:5:6:192.0.2.7'), '1:2:3:4::/64');
  assert.equal(addressKey('::1'), '0:0:0:0::/64');
  assert.equal(addressKey('::'), '0:0:0:0::/64');
  assert.equal(addressKey('1::'), '1:0:0:0::/64');
});

void test('what is no address is its own key', () => {
  for (const text of ['', 'unix', '1.2.3']) assert.equal(addressKey(text), text);
});
