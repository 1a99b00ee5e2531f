import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemStore, trustAdvice } from './trust-advice.js';

void test('the advice names the file in each command that takes one, as one word of a shell', () => {
  const file = "/home/a b/it's/root.pem";
  const word = `'/home/a b/it'\\''s/root.pem'`;
  const advice = trustAdvice(file);
  assert.deepEqual(
    advice
      .filter(({ commands }) => !commands.some((command) => command.includes(word)))
      .map(({ what }) => what),
    ['Windows'],
  );
});

void test('the store of a system is known by its program', () => {
  const of = (mark: string): string | undefined => systemStore((file) => file === mark)?.what;
  assert.equal(of('/usr/sbin/update-ca-certificates'), 'Debian, Ubuntu, Alpine');
  assert.equal(of('/usr/bin/trust'), 'Fedora, RHEL, Arch');
  assert.equal(of('/usr/bin/security'), 'macOS');
  assert.equal(of('/bin/ls'), undefined);
});
