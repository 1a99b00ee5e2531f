// What a datagram to a Unix socket comes to that can't be sent; that one arrives: test/process/systemd.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { getSystemErrorName } from 'node:util';
import { nativeCalls } from './native-calls.js';

const calls = nativeCalls();

void test('what cannot be sent is an errno, and leaves no descriptor', { skip: calls === undefined }, () => {
  const before = readdirSync('/proc/self/fd').length;
  const send = (address: string, content: string): string =>
    getSystemErrorName(-(calls?.sendDatagram(address, content) ?? 0));
  assert.equal(send('/nowhere/socket', 'x'), 'ENOENT');
  assert.equal(send('@vhostd nobody has this name', 'x'), 'ECONNREFUSED');
  assert.equal(send(`/${'x'.repeat(107)}`, 'x'), 'ENAMETOOLONG');
  assert.equal(send('/nowhere/socket', 'x'.repeat(4000)), 'EMSGSIZE');
  assert.equal(readdirSync('/proc/self/fd').length, before);
});
