// How units are installed and removed, with a systemctl that only writes down what it is asked.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { UNIT_MARK } from './unit-text.js';
import { installUnits, systemdVersion, uninstallUnits } from './units.js';
import type { Systemd } from './units.js';

const UNITS = { 'vhostd.socket': `${UNIT_MARK}\n[Socket]\n`, 'vhostd.service': `${UNIT_MARK}\n[Service]\n` };
const NAMES = Object.keys(UNITS);

function bench(t: TestContext, isRunning = true): { systemd: Systemd; asked: string[] } {
  const dir = mkdtempSync(path.join(tmpdir(), 'vhostd-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const asked: string[] = [];
  const systemctl = (...args: string[]): string => {
    asked.push(args.join(' '));
    return '';
  };
  return { systemd: { directory: path.join(dir, 'units'), isRunning, systemctl }, asked };
}

void test('units are written, loaded and enabled, again too, and removed when they are stopped', (t) => {
  const { systemd, asked } = bench(t);
  const files = NAMES.map((name) => path.join(systemd.directory, name));
  for (let round = 0; round < 2; round += 1) {
    assert.deepEqual(installUnits(systemd, UNITS, NAMES), files);
    assert.deepEqual(asked.splice(0), ['daemon-reload', 'enable vhostd.socket vhostd.service']);
  }
  assert.equal(readFileSync(files[1] ?? '', 'utf8'), UNITS['vhostd.service']);
  assert.deepEqual(uninstallUnits(systemd, NAMES), files);
  assert.deepEqual(asked.splice(0), ['disable --now vhostd.socket vhostd.service', 'daemon-reload']);
  assert.deepEqual(files.filter(existsSync), []);
  assert.deepEqual(uninstallUnits(systemd, NAMES), []);
  assert.deepEqual(asked, []);
});

void test('a unit that somebody else wrote is neither overwritten nor removed, nor is another one then', (t) => {
  const { systemd, asked } = bench(t);
  mkdirSync(systemd.directory);
  const file = path.join(systemd.directory, 'vhostd.service');
  writeFileSync(file, '[Service]\n');
  assert.throws(() => installUnits(systemd, UNITS, NAMES), { code: 'ERR_SYSTEMD_FOREIGN_UNIT' });
  assert.throws(() => uninstallUnits(systemd, NAMES), { code: 'ERR_SYSTEMD_FOREIGN_UNIT' });
  assert.equal(readFileSync(file, 'utf8'), '[Service]\n');
  assert.ok(!existsSync(path.join(systemd.directory, 'vhostd.socket')));
  assert.deepEqual(asked, []);
});

void test('where systemd does not run nothing is written', (t) => {
  const { systemd } = bench(t, false);
  assert.throws(() => installUnits(systemd, UNITS, NAMES), { code: 'ERR_SYSTEMD_NOT_RUNNING' });
  assert.throws(() => uninstallUnits(systemd, NAMES), { code: 'ERR_SYSTEMD_NOT_RUNNING' });
  assert.ok(!existsSync(systemd.directory));
});

void test('a directory that cannot be written is an error that says so', (t) => {
  const { systemd } = bench(t);
  writeFileSync(systemd.directory, 'no directory');
  assert.throws(() => installUnits(systemd, UNITS, NAMES), { code: 'ERR_SYSTEMD_FAILED' });
});

void test('the version is what systemctl prints first', () => {
  assert.equal(systemdVersion({ systemctl: () => 'systemd 249 (249.11-0ubuntu3)\n+PAM' }), 249);
  const failing = (): string => {
    throw new Error('no systemctl');
  };
  assert.equal(systemdVersion({ systemctl: failing }), undefined);
});
