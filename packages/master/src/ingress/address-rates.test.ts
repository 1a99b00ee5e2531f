// New connections of one address are counted, and forgotten when that is of no use any more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressRates, networkOf } from './address-rates.js';

function ratesOf(limit: number | undefined): { rates: AddressRates; pass: (ms: number) => void } {
  let nowMs = 0;
  const rates = new AddressRates(() => nowMs);
  rates.limit = limit;
  return { rates, pass: (ms) => void (nowMs += ms) };
}

function refusedOf(rates: AddressRates, address: string, count: number): number {
  return Array.from({ length: count }, () => rates.refuses(() => address)).filter(Boolean).length;
}

test('an address may open so many at once, and so many a second', () => {
  const { rates, pass } = ratesOf(10);
  assert.deepEqual([refusedOf(rates, '192.0.2.1', 12), refusedOf(rates, '192.0.2.2', 10)], [2, 0]);
  pass(500);
  assert.equal(refusedOf(rates, '192.0.2.1', 6), 1);
  pass(60_000);
  assert.equal(refusedOf(rates, '192.0.2.1', 11), 1);
});

test('one that asks without end has its share, and no more', () => {
  const { rates, pass } = ratesOf(5);
  let served = 0;
  for (let ms = 0; ms < 10_000; ms += 10) {
    served += 1 - refusedOf(rates, '192.0.2.1', 1);
    pass(10);
  }
  assert.ok(served >= 53 && served <= 55, `${served}`);
});

test('without a limit nobody is asked for an address', () => {
  const { rates } = ratesOf(undefined);
  assert.equal(
    rates.refuses(() => assert.fail()),
    false,
  );
});

test('addresses are forgotten after a second, and however many come', () => {
  const { rates, pass } = ratesOf(1);
  for (let count = 0; count < 150_000; count += 1) rates.refuses(() => `address ${count}`);
  assert.equal(rates.size, 100_000);
  pass(1001);
  rates.refuses(() => '192.0.2.1');
  assert.equal(rates.size, 1);
});

test('an IPv6 client is its first 64 bits, a mapped IPv4 address that address', () => {
  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['2001:0DB8:0:0::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
    ['', ''],
  ] as const)
    assert.equal(networkOf(address), network, address);
});
