// What the confs of several sites say about one address.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadTimeout } from '../conf/site-conf.js';
import { AddressTerms } from './address-terms.js';

function timeout(port: number, limitMs: number): HeadTimeout {
  return { type: 'tcp', port, limitMs };
}

test('heads may take the longest that a site on the address says, for as long as it says so', () => {
  const terms = new AddressTerms();
  const [a, b] = [{}, {}];
  assert.equal(terms.headTimeoutMs('*|80'), undefined);
  terms.set(a, { headTimeouts: [timeout(80, 1000), timeout(81, 5)] });
  terms.set(b, { headTimeouts: [timeout(80, 3000)] });
  assert.equal(terms.headTimeoutMs('*|80'), 3000);
  assert.equal(terms.headTimeoutMs('*|81'), 5);
  terms.set(b, {});
  assert.equal(terms.headTimeoutMs('*|80'), 1000);
  terms.delete(a);
  assert.equal(terms.headTimeoutMs('*|80'), undefined);
});
