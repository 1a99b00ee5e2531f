// The one reading of a host and its port.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { looksLikeAddress, readAuthority, readHost, readName } from './host-name.js';

void test('a host is lower case and loses one trailing dot', () => {
  assert.deepEqual(readHost('WWW.A.com.'), { host: 'www.a.com', isName: true });
  assert.deepEqual(readHost('localhost'), { host: 'localhost', isName: true });
  assert.deepEqual(readHost('-a_b.c-'), { host: '-a_b.c-', isName: true });
});

void test('spellings of one IPv6 address become the same host', () => {
  for (const text of ['[::1]', '[0:0:0:0:0:0:0:1]', '[0000::0001]', '[::0.0.0.1]']) {
    assert.deepEqual(readHost(text), { host: '[::1]', isName: true }, text);
  }
});

void test('253 characters and 63 in a label are the most, the trailing dot not counted', () => {
  const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
  assert.equal(longest.length, 253);
  assert.deepEqual(readHost(`${longest}.`), { host: longest, isName: true });
  assert.deepEqual(readName(`${longest}d`), { fault: 'host-length' });
  assert.deepEqual(readName('a'.repeat(64)), { fault: 'host-length' });
});

void test('what RFC 3986 allows as a host is read, also where no conf can name it', () => {
  for (const text of [
    '0.0.0.0=5000',
    'a!b.c',
    'A,b',
    'a%2Ecom',
    '*.a.com',
    '~',
    '.',
    '.a',
    'a..b',
    'a'.repeat(64),
  ]) {
    const reading = readHost(text);
    assert.ok('host' in reading && !reading.isName, text);
    assert.ok('fault' in readName(text), text);
  }
  for (const text of [
    '',
    'a b',
    'a"b',
    'a%2',
    'a%zz',
    'b\u00fccher',
    'a/b',
    'a?',
    'u@a',
    'a|b',
    'a<b',
    '[a]',
  ]) {
    assert.ok('fault' in readHost(text), text);
  }
});

void test('a port is read apart from the host, and a colon alone states none', () => {
  assert.deepEqual(readAuthority('a.com'), { host: 'a.com', isName: true, port: null });
  assert.deepEqual(readAuthority('a.com:'), { host: 'a.com', isName: true, port: null });
  assert.deepEqual(readAuthority('a.com.:0080'), { host: 'a.com', isName: true, port: 80 });
  assert.deepEqual(readAuthority('[::1]:65535'), { host: '[::1]', isName: true, port: 65_535 });
  assert.deepEqual(readAuthority('a.com:65536'), { fault: 'host-port' });
});

void test('reading is idempotent: a normalized host reads as itself', () => {
  for (const text of ['A.B.', '[::FFFF:1.2.3.4]', '10.0.0.1:80']) {
    const first = readAuthority(text);
    assert.ok('host' in first);
    assert.deepEqual(readHost(first.host), { host: first.host, isName: true });
  }
});

void test('a long value is judged in one pass, whatever it is made of', () => {
  for (const unit of ['a.', ' ', ':', '[', '.', '@', '%', '%41', 'a']) {
    const reading = readAuthority(unit.repeat(50_000));
    assert.ok('fault' in reading || !reading.isName, unit);
  }
});

void test('a name that a URL parser would take for an address is told from an IPv4 address', () => {
  for (const text of ['127.1', '1', '0x7f', 'a.0x', '1.2.3.256', '1.2.3.4.5'])
    assert.ok(looksLikeAddress(text), text);
  for (const text of ['127.0.0.1', 'a1', '1.a', '0xg', 'a.com']) assert.ok(!looksLikeAddress(text), text);
});
