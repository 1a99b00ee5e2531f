import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { findApp } from './find-app.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-init-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

void it('a framework is served by what its production build has', () => {
  manifest({ name: '@me/my shop', dependencies: { next: '15' }, scripts: { start: 'next start' } });
  assert.deepEqual(findApp(directory), {
    siteId: 'my-shop',
    site: { workerFile: 'node_modules/next/dist/bin/next', workerArgs: ['start'] },
    notes: [
      'Next.js: the server of its production build',
      'node_modules/next/dist/bin/next is not there yet: build the app first',
    ],
  });
});

void it('a start script of node is taken with its options and arguments', () => {
  manifest({
    name: 'a',
    main: 'other.js',
    scripts: { start: 'node --enable-source-maps src/app.js --verbose x' },
  });
  write('src/app.js');
  write('.env');
  assert.deepEqual(findApp(directory).site, {
    workerFile: 'src/app.js',
    workerArgs: ['--verbose', 'x'],
    workerOptions: { execArgv: ['--enable-source-maps'] },
    envFile: '.env',
  });
});

void it('a start script with variables, or an option with a value, is read by npm start at each reload', () => {
  write('server.js');
  for (const start of [
    'PORT=4000 NODE_ENV=production node server.js',
    'cross-env NODE_ENV=production node server.js',
    'node -r dotenv/config server.js',
  ]) {
    manifest({ scripts: { start } });
    assert.deepEqual(findApp(directory).site, { workerFile: 'npm', workerArgs: ['start'] });
    assert.deepEqual(findApp(directory).notes, [`the start script of package.json: ${start}`]);
    // What would run beside it is not for a worker.
    manifest({ scripts: { start, prestart: 'tsc' } });
    assert.deepEqual(findApp(directory).site, { workerFile: 'server.js' });
  }
});

void it('tsx is Node with a loader', () => {
  manifest({ scripts: { start: 'tsx src/index.ts --verbose' } });
  write('src/index.ts');
  assert.deepEqual(findApp(directory).site, {
    workerFile: 'src/index.ts',
    workerArgs: ['--verbose'],
    workerOptions: { execArgv: ['--import', 'tsx'] },
  });
});

void it('a script that needs a shell is left alone for main, and that for a file of a usual name', () => {
  manifest({ name: '.', main: 'lib/main.js', scripts: { start: 'NODE_ENV=x node a.js && node b.js' } });
  write('a.js');
  write('server.js');
  assert.deepEqual(findApp(directory), {
    siteId: 'app',
    site: { workerFile: 'server.js' },
    notes: ['the file server.js'],
  });
  write('lib/main.js');
  assert.deepEqual(findApp(directory).site, { workerFile: 'lib/main.js' });
});

void it('where there is nothing to run, or package.json is wrong, it says so', () => {
  assert.throws(() => findApp(directory), { code: 'ERR_INIT_NO_APP' });
  assert.throws(() => findApp(path.join(directory, 'gone')), {
    message: /gone: there is no such directory$/,
  });
  writeFileSync(path.join(directory, 'package.json'), '{');
  assert.throws(() => findApp(directory), { code: 'ERR_CONF_SYNTAX' });
});

function manifest(content: object): void {
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify(content));
}

function write(name: string): void {
  mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  writeFileSync(path.join(directory, name), '');
}
