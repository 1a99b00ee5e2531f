// An app's author may bundle the worker with the app, as an ES module: there is no `__filename`, and `require` has only
// what the bundler has found.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

test('in an ES module of one file it finds what the app has installed', (t) => {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'vhostd-bundled-')));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(path.join(directory, 'node_modules'));
  symlinkSync(path.dirname(require.resolve('pino/package.json')), path.join(directory, 'node_modules/pino'));
  const file = path.join(directory, 'app.mjs');
  writeFileSync(file, bundled("require('./index.cjs').log.info('it logs')"));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  assert.equal((JSON.parse(stdout) as { msg: string }).msg, 'it logs');
});

/** As esbuild does it with `--format=esm`. */
function bundled(entry: string): string {
  const folder = path.dirname(require.resolve('@vhostd/worker'));
  const modules = readdirSync(folder)
    .filter((name) => name.endsWith('.cjs'))
    .map(
      (name) => `${JSON.stringify(`./${name}`)}(exports, require, module) {
      ${readFileSync(path.join(folder, name), 'utf8')}
    }`,
    );
  return `const modules = { ${modules.join(',\n')} };
    const loaded = new Map();
    function require(name) {
      if (modules[name] === undefined) throw new Error('Dynamic require of "' + name + '" is not supported');
      if (!loaded.has(name)) {
        const module = { exports: {} };
        loaded.set(name, module);
        modules[name](module.exports, require, module);
      }
      return loaded.get(name).exports;
    }
    ${entry};`;
}

const require = createRequire(import.meta.url);
