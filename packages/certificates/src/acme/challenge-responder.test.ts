import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverNameOf } from './challenge-responder.js';

test('an address is asked for by its name in the reverse zone (RFC 8738 6)', () => {
  assert.equal(serverNameOf('a.test'), 'a.test');
  assert.equal(serverNameOf('192.0.2.1'), '1.2.0.192.in-addr.arpa');
  const zeros = '0.'.repeat(20);
  assert.equal(serverNameOf('[2001:db8::1a]'), `a.1.0.0.${zeros}8.b.d.0.1.0.0.2.ip6.arpa`);
  assert.equal(serverNameOf('[::1]'), `1.${'0.'.repeat(31)}ip6.arpa`);
});
