// The one reading of a host and its port.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { looksLikeAddress, readAuthority, readHost } from './host-name.js';

void test('a host is lower case and loses one trailing dot', () => {
  assert.deepEqual(readHost('WWW.A.com.'), { host: 'www.a.com' });
  assert.deepEqual(readHost('localhost'), { host: 'localhost' });
  assert.deepEqual(readHost('-a_b.c-'), { host: '-a_b.c-' });
});

void test('spellings of one IPv6 address become the same host', () => {
  for (const text of ['[::1]', '[0:0:0:0:0:0:0:1]', '[0000::0001]', '[::0.0.0.1]']) {
    assert.deepEqual(readHost(text), { host: '[::1]' }, text);
  }
});

void test('253 characters and 63 in a label are the most, the trailing dot not counted', () => {
  const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
  assert.equal(longest.length, 253);
  assert.deepEqual(readHost(`${longest}.`), { host: longest });
  assert.deepEqual(readHost(`${longest}d`), { fault: 'host-length' });
  assert.deepEqual(readHost('a'.repeat(64)), { fault: 'host-length' });
});

void test('a port is read apart from the host, and a colon alone states none', () => {
  assert.deepEqual(readAuthority('a.com'), { host: 'a.com', port: null });
  assert.deepEqual(readAuthority('a.com:'), { host: 'a.com', port: null });
  assert.deepEqual(readAuthority('a.com.:0080'), { host: 'a.com', port: 80 });
  assert.deepEqual(readAuthority('[::1]:65535'), { host: '[::1]', port: 65_535 });
  assert.deepEqual(readAuthority('a.com:65536'), { fault: 'host-port' });
});

void test('reading is idempotent: a normalized host reads as itself', () => {
  for (const text of ['A.B.', '[::FFFF:1.2.3.4]', '10.0.0.1:80']) {
    const first = readAuthority(text);
    assert.ok('host' in first);
    assert.deepEqual(readHost(first.host), { host: first.host });
  }
});

void test('a long value is judged in one pass, whatever it is made of', () => {
  for (const unit of ['a.', ' ', ':', '[', '.', '@', '%']) {
    assert.ok('fault' in readAuthority(unit.repeat(50_000)), unit);
  }
});

void test('a name that a URL parser would take for an address is told from an IPv4 address', () => {
  for (const text of ['127.1', '1', '0x7f', 'a.0x', '1.2.3.256', '1.2.3.4.5'])
    assert.ok(looksLikeAddress(text), text);
  for (const text of ['127.0.0.1', 'a1', '1.a', '0xg', 'a.com']) assert.ok(!looksLikeAddress(text), text);
});
