// A worker can hand back the client's address that it was given with a connection, and no other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressRecord, NativeHandle } from '@vhostd/transport';
import { openEnds, sealEnds } from './proxied-ends.js';

const FLAGS = { secure: false, peeked: false, handedBack: true };
const ENDS = { client: { address: '192.0.2.7', port: 4001 }, server: { address: '192.0.2.1', port: 443 } };

test('what a connection came with is known again when it comes back', () => {
  const sealed = sealEnds(handle(5001), ENDS);
  assert.deepEqual(openEnds(handle(5001), { ...FLAGS, ...sealed }), sealed);
  assert.equal(openEnds(handle(5001), FLAGS), undefined);
});

test('an invented client, one of another connection, and one without proof are lies', () => {
  const sealed = sealEnds(handle(5001), ENDS);
  const other = { address: '192.0.2.8', port: 4001 };
  assert.equal(openEnds(handle(5001), { ...FLAGS, ...sealed, client: other }), null);
  assert.equal(openEnds(handle(5001), { ...FLAGS, ...sealed, server: other }), null);
  assert.equal(openEnds(handle(5002), { ...FLAGS, ...sealed }), null);
  assert.equal(openEnds(handle(5001), { ...FLAGS, ...ENDS }), null);
  assert.equal(openEnds(handle(5001), { ...FLAGS, ...ENDS, seal: '' }), null);
  assert.equal(openEnds(handle(5001), { ...FLAGS, seal: sealed.seal }), null);
});

test('nothing can be said of a connection that has been reset', () => {
  const reset = { getpeername: () => -107 } as Partial<NativeHandle> as NativeHandle;
  assert.equal(openEnds(reset, { ...FLAGS, ...sealEnds(handle(5001), ENDS) }), undefined);
});

/** The handle of a connection from this port of 10.0.0.1. */
function handle(port: number): NativeHandle {
  const ends = {
    getpeername: (out: AddressRecord) => {
      Object.assign(out, { address: '10.0.0.1', port });
      return 0;
    },
  };
  return ends as Partial<NativeHandle> as NativeHandle;
}
