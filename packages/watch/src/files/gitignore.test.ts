// What the .gitignore files of a working tree leave out.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Gitignore } from './gitignore.js';

void test('files of every folder up to that of .git count, and the one further down has the last word', (t) => {
  const top = mkdtempSync(path.join(tmpdir(), 'vhostd-watch-'));
  t.after(() => rmSync(top, { recursive: true }));
  mkdirSync(path.join(top, '.git'));
  mkdirSync(path.join(top, 'app/lib'), { recursive: true });
  writeFileSync(path.join(top, '.gitignore'), 'dist/\n*.log.js\n# comment\n');
  writeFileSync(path.join(top, 'app/.gitignore'), '/local.js\n!keep.log.js\n');
  const gitignore = new Gitignore(path.join(top, 'app'));
  const ignores = (file: string, isDirectory = false): boolean =>
    gitignore.ignores(path.join(top, file), isDirectory);
  assert.equal(ignores('app/dist', true), true);
  assert.equal(ignores('app/dist', false), false);
  assert.equal(ignores('app/dist/a.js'), true);
  assert.equal(ignores('app/lib/a.log.js'), true);
  assert.equal(ignores('app/keep.log.js'), false);
  assert.equal(ignores('app/local.js'), true);
  assert.equal(ignores('app/lib/local.js'), false);
  assert.equal(ignores('app/a.js'), false);
  assert.equal(gitignore.ignores('/elsewhere/dist/a.js', false), false);
  writeFileSync(path.join(top, '.gitignore'), '');
  assert.equal(ignores('app/lib/a.log.js'), true);
  gitignore.forget();
  assert.equal(ignores('app/lib/a.log.js'), false);
});

void test('without a repository only what is in the working directory counts', (t) => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'vhostd-watch-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  assert.equal(new Gitignore(cwd).ignores(path.join(cwd, 'a.js'), false), false);
  writeFileSync(path.join(cwd, '.gitignore'), 'a.js');
  assert.equal(new Gitignore(cwd).ignores(path.join(cwd, 'a.js'), false), true);
});
