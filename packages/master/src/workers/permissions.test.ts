import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import { permissionArgs } from './permissions.js';
import { preloadFile } from './worker-files.js';

function argsOf(fields: object, version?: string): string[] {
  const conf = parseSite({ siteId: 'a', path: '/srv/a', ...fields }, { baseDir: '/' });
  const release = { workerFile: '/srv/releases/1/app.js', cwd: '/srv/a' };
  const siteDir = '/proc/self/fd/7';
  return permissionArgs({ conf, release, preload: preloadFile(), siteDir }, version);
}

test('a site that says nothing of permissions has all', () => {
  assert.deepEqual(argsOf({}), []);
});

test('each Node is asked in its own words', () => {
  const flagsOf = (version: string): string[] =>
    argsOf({ permissions: {} }, version).filter((arg) => !arg.startsWith('--allow-fs'));
  assert.deepEqual(flagsOf('20.20.2'), ['--experimental-permission']);
  assert.deepEqual(flagsOf('22.12.0'), ['--experimental-permission']);
  assert.deepEqual(flagsOf('22.13.0'), ['--permission']);
  assert.deepEqual(flagsOf('24.1.0'), ['--permission']);
  assert.deepEqual(flagsOf('26.0.0'), ['--permission', '--allow-net']);
});

test('code and keys may be read, what the runtime writes for the site may be written, the rest is named', () => {
  const args = argsOf({
    accessLog: 'log/access.log',
    listen: [{ type: 'ssl', port: 443, key: 'tls/key.pem', cert: '-----BEGIN CERTIFICATE-----' }],
    permissions: { read: ['/usr/share/zoneinfo'], write: ['data'], childProcess: true, addons: true },
  });
  const reads = args.flatMap((arg) => /^--allow-fs-read=(.*)$/u.exec(arg)?.[1] ?? []);
  const writes = args.flatMap((arg) => /^--allow-fs-write=(.*)$/u.exec(arg)?.[1] ?? []);
  assert.deepEqual(writes, ['/srv/a/data', '/srv/a/log/access.log', '/proc/self/fd/7/*']);
  for (const file of ['/srv/a', '/srv/releases/1', '/srv/a/tls/key.pem', '/usr/share/zoneinfo/*', ...writes])
    assert.ok(reads.includes(file), file);
  assert.ok(!reads.some((file) => file.includes('BEGIN')));
  const nested = argsOf({ path: '/usr', permissions: { read: ['share', '/usr/bin/env', '/userland'] } });
  assert.deepEqual(
    nested.filter((arg) => /=\/us/u.test(arg)),
    ['--allow-fs-read=/usr/*', '--allow-fs-read=/userland'],
  );
  assert.deepEqual(args.slice(-2), ['--allow-child-process', '--allow-addons']);
});
