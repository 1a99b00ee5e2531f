import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteConf } from '../conf/site-conf.js';
import { earlyOptionOf } from './start-options.js';
import type { Start } from './start-options.js';

function found(execArgv: readonly string[], options = '', more: Partial<Start> = {}): string | undefined {
  const conf = { workerOptions: { execArgv, inheritEnv: [] }, instanceVar: 'SLOT' } as unknown as SiteConf;
  const release = { workerFile: '/app/app.js', cwd: '/app' };
  return earlyOptionOf({ conf, release, variables: { NODE_OPTIONS: options }, ...more });
}

test('options that load files when a process starts are found, however they are written', () => {
  assert.equal(found(['--no-warnings', '--env-file=.env']), '--env-file');
  assert.equal(found(['--env-file', '.env']), '--env-file');
  assert.equal(found(['--env-file-if-exists=.env']), '--env-file-if-exists');
  assert.equal(found(['--experimental-config-file=node.json']), '--experimental-config-file');
  assert.equal(found(['--experimental-default-config-file']), '--experimental-default-config-file');
  assert.equal(found(['--experimental_loader=./l.mjs']), '--experimental-loader');
  assert.equal(found(['-r', './first.cjs']), '-r');
  assert.equal(found(['--require=./first.cjs']), '--require');
  assert.equal(found(['--import', 'tsx']), '--import');
});

test('so are those of an inspector', () => {
  assert.equal(found(['--inspect']), '--inspect');
  assert.equal(found(['--inspect-brk=127.0.0.1:9229']), '--inspect-brk');
});

test('they are found in NODE_OPTIONS', () => {
  assert.equal(found([], '--no-warnings --require "./a b.cjs"'), '--require');
  assert.equal(found([], ' "--import" ./first.mjs'), '--import');
});

test('they are found in what a script of package.json says', () => {
  const release = { workerFile: '/app/app.js', cwd: '/app' };
  assert.equal(
    found([], '', { release: { ...release, execArgv: ['--env-file=.env', '--inspect'] } }),
    '--env-file',
  );
  const env = { NODE_OPTIONS: '--import tsx' };
  assert.equal(found([], '', { release: { ...release, env } }), '--import');
});

test('others are none, nor what only begins like them', () => {
  assert.equal(found([]), undefined);
  assert.equal(found(['--no-warnings', '--no-experimental-require-module', '--title=-r']), undefined);
  assert.equal(found([], '--max-old-space-size=512 --trace-require-module'), undefined);
});
