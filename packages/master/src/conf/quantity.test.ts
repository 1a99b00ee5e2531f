import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  durationWithoutUnit,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  sizeWithoutUnit,
} from './quantity.js';

void test('a duration is a text with its unit or a number of milliseconds', () => {
  const durations: [written: string | number, durationMs: number][] = [
    ['100ms', 100],
    ['10s', 10_000],
    ['10 s', 10_000],
    ['1.1s', 1100],
    ['1.5 minutes', 90_000],
    ['2h', 7_200_000],
    ['1 day', 86_400_000],
    ['1w', 604_800_000],
    ['0s', 0],
    [0, 0],
    [1500, 1500],
  ];
  for (const [written, durationMs] of durations)
    assert.equal(parseDuration(written), durationMs, String(written));
});

void test('a duration without a unit, with a sign, an unknown unit or a fraction of a millisecond is none', () => {
  for (const written of [
    '10',
    '',
    's',
    '-1s',
    '10S',
    '10 sekunden',
    '1s ',
    '1s2',
    '1e3s',
    '1y',
    -1,
    0.5,
    NaN,
    Infinity,
  ]) {
    assert.equal(parseDuration(written), undefined, String(written));
  }
});

void test('a size is a text with its unit or a number of bytes, and its units are powers of 1024', () => {
  const sizes: [written: string | number, bytes: number][] = [
    ['1b', 1],
    ['64kb', 65_536],
    ['64 KB', 65_536],
    ['1.5mb', 1_572_864],
    ['300M', 314_572_800],
    ['2 g', 2_147_483_648],
    ['1gb', 1_073_741_824],
    [4096, 4096],
  ];
  for (const [written, bytes] of sizes) assert.equal(parseSize(written), bytes, String(written));
});

void test('a size without a unit, with a sign, an unknown unit or a fraction of a byte is none', () => {
  for (const written of ['64', '', 'kb', '-1kb', '64kib', '1tb', '1kb ', -1, 0.5, NaN]) {
    assert.equal(parseSize(written), undefined, String(written));
  }
});

void test('what is formatted is read back as the same number', () => {
  for (const value of [
    0, 1, 999, 1000, 1024, 1536, 60_000, 65_536, 90_000, 3_600_000, 1_048_576, 2_073_600_000,
  ]) {
    assert.equal(parseDuration(formatDuration(value)), value);
    assert.equal(parseSize(formatSize(value)), value);
  }
  assert.equal(formatDuration(90_000), '90s');
  assert.equal(formatDuration(2_073_600_000), '24d');
  assert.equal(formatSize(16_384), '16kb');
});

void test('of a number in a text it is said that its unit is missing, of another text that is none it is not', () => {
  assert.equal(durationWithoutUnit('5'), `"5" has no unit: write '5s' or '5ms'`);
  assert.equal(durationWithoutUnit('1.5'), `"1.5" has no unit: write '1.5s' or '1.5ms'`);
  assert.equal(sizeWithoutUnit('64'), `"64" has no unit: write '64kb' or '64b'`);
  for (const written of ['', '5s', '5 sekunden', '-5', '1e3', 'soon', '5\n']) {
    assert.deepEqual(
      [durationWithoutUnit(written), sizeWithoutUnit(written)],
      [undefined, undefined],
      written,
    );
  }
});
