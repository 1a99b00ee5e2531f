// Which names are those of conf files, where an app could be meant as well.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConfFile } from './conf-file.js';

test('a file of data is a conf file, a program only by the usual name', () => {
  for (const file of [
    'vhostd.config.js',
    './etc/vhostd.config.ts',
    'vhostd.json',
    '/etc/sites.yaml',
    'a.toml',
  ])
    assert.ok(isConfFile(file), file);
  for (const file of ['server.js', 'vhostd.js', 'config.mjs', 'shop', 'vhostd.config', 'run.sh', ''])
    assert.ok(!isConfFile(file), file);
});
