import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addressesOverlap,
  addressOfKey,
  findCovering,
  findHeld,
  isUdpKey,
  toKeyedAddress,
} from './listen-address.js';

void describe('toKeyedAddress', () => {
  void it('gives one key to all spellings of an address', () => {
    for (const ipaddress of [undefined, '', '*', '::', '0:0:0:0:0:0:0:0']) {
      assert.deepEqual(toKeyedAddress({ ipaddress, port: 80 }), {
        key: '*:80',
        address: undefined,
        port: 80,
      });
    }
    for (const ipaddress of ['::1', '0:0:0:0:0:0:0:1', '0::0001']) {
      assert.equal(toKeyedAddress({ ipaddress, port: 80 }).key, '[::1]:80');
    }
    assert.equal(toKeyedAddress({ ipaddress: 'FE80::1%eth0', port: 80 }).key, '[fe80::1%eth0]:80');
    assert.equal(toKeyedAddress({ ipaddress: '0.0.0.0', port: 80 }).key, '0.0.0.0:80');
  });

  void it('refuses names, ports out of range and malformed addresses', () => {
    for (const ipaddress of ['localhost', '127.1', '127.0.0.1:80', '::1%', '[::1]', '1.2.3.4.5']) {
      assert.throws(() => toKeyedAddress({ ipaddress, port: 80 }), { code: 'ERR_LISTEN_ADDRESS' }, ipaddress);
    }
    for (const port of [-1, 65_536, 1.5, Number.NaN]) {
      assert.throws(() => toKeyedAddress({ port }), { code: 'ERR_LISTEN_ADDRESS' }, String(port));
    }
  });
});

void describe('addressOfKey', () => {
  void it('is the reverse of toKeyedAddress, and of nothing else', () => {
    for (const request of [
      { port: 80 },
      { ipaddress: '10.0.0.1', port: 0 },
      { ipaddress: '0::1', port: 1 },
    ]) {
      const keyed = toKeyedAddress(request);
      assert.deepEqual(addressOfKey(keyed.key), keyed);
    }
    for (const key of [
      '',
      '80',
      ':80',
      '*:',
      '*:99999',
      '::1:80',
      '[0::1]:80',
      '[::]:80',
      'a:80',
      '1.2.3:4',
    ]) {
      assert.equal(addressOfKey(key), undefined, key);
    }
  });
});

void describe('findHeld', () => {
  void it('finds a socket by its key, or by the port that the kernel chose for it', () => {
    const chosen = { key: '127.0.0.1:0', address: '127.0.0.1', port: 4000 };
    const any = { key: '*:0', address: '::', port: 5000 };
    const plain = { key: '127.0.0.1:5000', address: '127.0.0.1', port: 5000 };
    const held = [chosen, any, plain];
    const find = (ipaddress: string | undefined, port: number): unknown =>
      findHeld(held, toKeyedAddress({ ipaddress, port }));
    assert.equal(find('127.0.0.1', 0), chosen);
    assert.equal(find('127.0.0.1', 4000), chosen);
    assert.equal(find('127.0.0.1', 5000), plain);
    assert.equal(find(undefined, 5000), any);
    assert.equal(find(undefined, 4000), undefined);
    assert.equal(find('::1', 0), undefined);
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

void it('an address of UDP has a key of its own, and nothing to do with one of TCP', () => {
  const udp = toKeyedAddress({ ipaddress: '::1', port: 53, udp: true });
  assert.deepEqual([udp.key, isUdpKey(udp.key)], ['udp [::1]:53', true]);
  assert.deepEqual(addressOfKey('udp [::1]:53'), udp);
  const every = toKeyedAddress({ port: 53, udp: true });
  assert.deepEqual([every.key, addressOfKey(every.key)], ['udp *:53', every]);
  const tcp = { key: '*:53', address: '::', port: 53 };
  const held = { key: 'udp *:53', address: '::', port: 53 };
  assert.equal(findCovering([tcp], udp), undefined);
  assert.equal(findCovering([tcp, held], udp), held);
  assert.equal(findHeld([tcp, held], toKeyedAddress({ port: 53 })), tcp);
});
