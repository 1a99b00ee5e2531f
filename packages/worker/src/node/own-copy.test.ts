import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

// Nothing above it has a node_modules.
const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-own-copy-'));
after(() => rmSync(directory, { recursive: true }));
const PRELOAD = fileURLToPath(import.meta.resolve('@vhostd/worker/preload'));
const SAME = "console.log(worker === globalThis[Symbol.for('vhostd.worker')])";

void describe('a site that has not installed @vhostd/worker', () => {
  for (const [how, name, code] of [
    ['requires', 'a.cjs', `const worker = require('@vhostd/worker'); ${SAME}`],
    ['imports', 'a.mjs', `import worker from '@vhostd/worker'; ${SAME}`],
    ['imports by name', 'b.mjs', `import { worker } from '@vhostd/worker'; import '@vhostd/worker'; ${SAME}`],
    [
      'imports in CommonJS',
      'c.cjs',
      `import('@vhostd/worker').then(({ default: worker }) => { ${SAME} }, console.error)`,
    ],
  ] as const) {
    void it(`${how} the runtime's copy, which is the worker of the process`, () => {
      assert.deepEqual(run(write(name, code)), { status: 0, stdout: 'true\n', stderr: '' });
    });
  }

  void it('requires it as CommonJS, where ES modules cannot be required, too', () => {
    const code = `const worker = require('@vhostd/worker');
      console.log(Object.entries(require.cache).some(([file, { exports }]) =>
        /worker.bundle.index\\.cjs$/.test(file) && exports === worker)); ${SAME}`;
    assert.deepEqual(run(write('e.cjs', code), ['--no-experimental-require-module']), {
      status: 0,
      stdout: 'true\ntrue\n',
      stderr: '',
    });
  });

  void it('is told so of any other package, and of a file of this one', () => {
    for (const wanted of ['absent-package', '@vhostd/worker/absent']) {
      const { status, stderr } = run(write('d.cjs', `require('${wanted}')`));
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`Cannot find module '${wanted}'`));
    }
    const { stderr } = run(write('d.mjs', `import 'absent-package'; // not @vhostd/worker`));
    assert.match(stderr, /Cannot find package 'absent-package'/);
  });
});

void describe('a site that has installed @vhostd/worker', () => {
  void it('gets its own copy, broken or not', () => {
    const own = 'own/node_modules/@vhostd/worker';
    write(`${own}/package.json`, '{ "name": "@vhostd/worker", "main": "index.js" }');
    write(`${own}/index.js`, 'module.exports = "the own copy"');
    const entry = write('own/index.js', `console.log(require('@vhostd/worker'))`);
    assert.equal(run(entry).stdout, 'the own copy\n');
    const module = write('own/index.mjs', `import own from '@vhostd/worker'; console.log(own)`);
    assert.equal(run(module).stdout, 'the own copy\n');
    write(`${own}/index.js`, 'throw new Error("it is broken")');
    assert.match(run(entry).stderr, /it is broken/);
  });
});

function write(name: string, content: string): string {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function run(
  file: string,
  options: string[] = [],
): { status: number | null; stdout: string; stderr: string } {
  const { NODE_PATH: _path, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, '--require', PRELOAD, file], {
    encoding: 'utf8',
    cwd: directory,
    env,
  });
  return { status, stdout, stderr };
}
