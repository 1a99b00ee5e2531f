// What runs PROGRAM, which files count, and what is said when either is not there.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { parseArguments } from '../parse-arguments.js';
import type { WatchOptions } from '../watch-options.js';
import { findCommand, programCommand, watchedExtensions } from './program-command.js';

void describe('the extensions', () => {
  for (const [line, expected] of [
    ['server.js', 'node,js'],
    ['server', 'node,js'],
    ['server.mjs', 'node,js,mjs'],
    ['myapp.coffee', 'node,js,coffee,litcoffee'],
    ['myapp.litcoffee', 'node,js,coffee,litcoffee'],
    ['-- server.js -h example.com', 'node,js'],
    ['-- --title=a.b server.ts', 'node,js,ts'],
    ['a.o', 'node,js,o'],
    ['-e myext -x myrunner myapp', 'myext'],
    ['-e ts,html server.js', 'ts,html'],
  ] as const) {
    void test(`of ${line} are ${expected}`, () => {
      assert.equal(watchedExtensions(options(line)).join(), expected);
    });
  }
});

void describe('the command', () => {
  for (const [line, expected] of [
    ['server.js', 'node server.js'],
    ['server', 'node server'],
    ['server.py', 'node server.py'],
    ['-- server.js -h host -p port', 'node server.js -h host -p port'],
    ['myapp.coffee', 'coffee myapp.coffee'],
    ['--debug myapp.litcoffee', 'coffee --nodejs --inspect myapp.litcoffee'],
    ['-w scripts -e myext -x myrunner myapp', 'myrunner myapp'],
    ['--harmony --inspect=0 server.js', 'node --harmony --inspect=0 server.js'],
  ] as const) {
    void test(`of ${line} is ${expected}`, () => {
      const { executable, args } = programCommand(options(line));
      assert.equal([executable, ...args].join(' '), expected);
    });
  }

  void test('gives coffee several flags for Node as one argument, as it wants them', () => {
    const { args } = programCommand(options('--inspect --harmony app.coffee'));
    assert.deepEqual(args, ['--nodejs', '--inspect --harmony', 'app.coffee']);
  });
});

void describe('what is to be run', () => {
  void test('is looked for in PATH, or at its path; node is always there', (t) => {
    const cwd = mkdtempSync(path.join(tmpdir(), 'vhostd-watch-'));
    t.after(() => rmSync(cwd, { recursive: true }));
    mkdirSync(path.join(cwd, 'bin/folder'), { recursive: true });
    for (const name of ['bin/tool', 'bin/plain', 'app.js']) writeFileSync(path.join(cwd, name), '');
    chmodSync(path.join(cwd, 'bin/tool'), 0o755);
    const where = { cwd, searchPath: `/nowhere:${path.join(cwd, 'bin')}` };
    assert.equal(findCommand(options('-x tool app'), where).executable, path.join(cwd, 'bin/tool'));
    assert.equal(findCommand(options('-x bin/tool app'), where).executable, 'bin/tool');
    assert.equal(findCommand(options('app.js'), where).executable, process.execPath);
    assert.equal(findCommand(options('./app'), where).args[0], './app');
    for (const name of ['plain', 'folder', 'absent', './tool', '/bin']) {
      assertRefused(
        () => findCommand(options(`-x ${name} app`), where),
        'ERR_WATCH_EXECUTABLE',
        `'${name}' is no program`,
      );
    }
    assertRefused(
      () => findCommand(options('app.coffee'), where),
      'ERR_WATCH_EXECUTABLE',
      'npm package coffeescript',
    );
    const missing = path.join(cwd, 'serve.js');
    assertRefused(
      () => findCommand(options('serve.js'), where),
      'ERR_WATCH_PROGRAM',
      `${missing}: there is no such PROGRAM`,
    );
  });

  void test('is not looked for where another executable knows better what it is', () => {
    const where = { cwd: '/', searchPath: '/bin:/usr/bin' };
    assert.deepEqual(findCommand(options('-x sh -- -c true'), where).args, ['-c', 'true']);
  });
});

function options(line: string): WatchOptions {
  const parsed = parseArguments(line.split(' '));
  if (parsed === 'help') throw new Error('help was asked for');
  return parsed;
}

function assertRefused(work: () => unknown, code: string, message: string): void {
  assert.throws(
    work,
    (error) => error instanceof VhostError && error.code === code && error.message.includes(message),
  );
}
