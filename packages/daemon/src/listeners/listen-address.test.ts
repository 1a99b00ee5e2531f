import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressesOverlap, toListenAddress } from './listen-address.js';

void describe('toListenAddress', () => {
  void it('gives one key to all spellings of an address', () => {
    for (const ipaddress of [undefined, '', '*', '::', '0:0:0:0:0:0:0:0']) {
      assert.deepEqual(toListenAddress({ ipaddress, port: 80 }), {
        key: '*:80',
        address: undefined,
        port: 80,
      });
    }
    for (const ipaddress of ['::1', '0:0:0:0:0:0:0:1', '0::0001']) {
      assert.equal(toListenAddress({ ipaddress, port: 80 }).key, '[::1]:80');
    }
    assert.equal(toListenAddress({ ipaddress: 'FE80::1%eth0', port: 80 }).key, '[fe80::1%eth0]:80');
    assert.equal(toListenAddress({ ipaddress: '0.0.0.0', port: 80 }).key, '0.0.0.0:80');
  });

  void it('refuses names, ports out of range and malformed addresses', () => {
    for (const ipaddress of ['localhost', '127.1', '127.0.0.1:80', '::1%', '[::1]', '1.2.3.4.5']) {
      assert.throws(
        () => toListenAddress({ ipaddress, port: 80 }),
        { code: 'ERR_LISTEN_ADDRESS' },
        ipaddress,
      );
    }
    for (const port of [-1, 65_536, 1.5, Number.NaN]) {
      assert.throws(() => toListenAddress({ port }), { code: 'ERR_LISTEN_ADDRESS' }, String(port));
    }
  });
});

void describe('addressesOverlap', () => {
  void it('is true where two sockets could not both listen on one port', () => {
    const overlapping = [
      ['127.0.0.1', '127.0.0.1'],
      ['127.0.0.1', '0.0.0.0'],
      ['127.0.0.1', '::'],
      ['::', '0.0.0.0'],
      ['::1', '::'],
    ] as const;
    for (const [one, other] of overlapping) {
      assert.equal(addressesOverlap(one, other), true, `${one} ${other}`);
      assert.equal(addressesOverlap(other, one), true, `${other} ${one}`);
    }
    for (const [one, other] of [
      ['127.0.0.1', '127.0.0.2'],
      ['::1', '0.0.0.0'],
      ['::1', '127.0.0.1'],
    ] as const) {
      assert.equal(addressesOverlap(one, other), false, `${one} ${other}`);
    }
  });
});
