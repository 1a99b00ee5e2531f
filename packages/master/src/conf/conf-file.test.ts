import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfFile } from './conf-file.js';

const directory = mkdtempSync(join(tmpdir(), 'vhostd-conf-file-'));
mkdirSync(join(directory, 'one'));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** Of two sites, the program of each. */
function conf(one: string, two: string): string {
  const site = (siteId: string, workerFile: string): object => ({ siteId, path: 'one', workerFile });
  return JSON.stringify({ sites: [site('one', one), site('two', two)] });
}

void test('one site of a file that is the same is looked at anew, and the others are not', async () => {
  const file = new ConfFile(write('same.json', conf('first', 'second')));
  const whole = await file.load();
  // What runs a program is what its first line says, which is on disk beside the conf.
  for (const name of ['first', 'second']) write(`one/${name}`, '#!/usr/bin/perl\n');
  const again = await file.load('two');
  assert.equal(again.sites[0], whole.sites[0]);
  assert.equal(whole.sites[1]?.interpreter, undefined);
  assert.equal(again.sites[1]?.interpreter, '/usr/bin/perl');
  assert.equal((await file.load()).sites[0]?.interpreter, '/usr/bin/perl');
});

void test('a file that is another one is read whole for one site, too, and refused whole', async () => {
  const path = write('changed.json', conf('a.js', 'b.js'));
  const file = new ConfFile(path);
  await file.load();
  write('changed.json', conf('c.js', 'd.js'));
  const { sites } = await file.load('two');
  assert.deepEqual(
    sites.map(({ workerFile }) => workerFile),
    ['c.js', 'd.js'].map((name) => join(directory, 'one', name)),
  );
  write('changed.json', '{"sites":[{"siteId":"two","path":"one"},{"siteId":"one"}]}');
  await assert.rejects(file.load('two'), { code: 'ERR_CONF_INVALID' });
  // What is wrong is no conf from which a site could be taken later.
  await assert.rejects(file.load('two'), { code: 'ERR_CONF_INVALID' });
  // For a site that there is not, it is for others to say so.
  write('changed.json', conf('c.js', 'd.js'));
  await file.load();
  assert.equal((await file.load('three')).sites.length, 2);
});

void test('a site that has become wrong on disk is refused, and a script is run each time', async () => {
  mkdirSync(join(directory, 'gone'));
  const file = new ConfFile(
    write('gone.json', '{"sites":[{"siteId":"here","path":"one"},{"siteId":"gone","path":"gone"}]}'),
  );
  await file.load();
  rmSync(join(directory, 'gone'), { recursive: true });
  assert.equal((await file.load('here')).sites.length, 2);
  await assert.rejects(file.load('gone'), { code: 'ERR_CONF_PATH' });
  const script = new ConfFile(
    write(
      'count.cjs',
      'globalThis.n = (globalThis.n ?? 0) + 1; module.exports = { sites: [{ siteId: "s", path: "one", cpuLen: globalThis.n }] };',
    ),
  );
  await script.load();
  assert.equal((await script.load('s')).sites[0]?.cpuLen, 2);
});
