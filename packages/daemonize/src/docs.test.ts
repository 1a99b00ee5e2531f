// docs/daemonize.md describes the class as it is, and its programs run.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Bench } from './bench.test.kit.js';
import { resolveOptions } from './daemon-options.js';
import { Daemon } from './index.js';

const TEXT = readFileSync(new URL('../../../docs/daemonize.md', import.meta.url), 'utf8');

void describe('docs/daemonize.md', () => {
  void it('describes each member and each option, and none besides', () => {
    const members = Object.getOwnPropertyNames(Daemon.prototype).filter((name) => name !== 'constructor');
    const methods = section('Methods');
    for (const name of [...members, 'name', 'script'])
      assert.match(methods, new RegExp(`\`${name}[\`(]`), name);
    assert.deepEqual(firstCells('Option').toSorted(), Object.keys(resolveOptions({})).toSorted());
  });

  void it('names each event, status and code that the sources have', () => {
    const events = firstCells('Event').flatMap((cell) => cell.split('`, `'));
    assert.deepEqual(events.toSorted(), codesIn('daemon.ts', /^ {2}(\w+): \[/gmu));
    for (const status of codesIn('results.ts', /status: '([\w-]+)'/gu))
      assert.match(section('Methods'), new RegExp(`- \`${status}\`: `));
    const declared = [
      'daemon-files.ts',
      'daemon-options.ts',
      'daemon-record.ts',
      'end-process.ts',
      'launch.ts',
    ];
    for (const file of [...declared, 'log-file.ts', 'outcome.ts'])
      for (const code of codesIn(file, /(ERR_\w+)/gu)) assert.ok(TEXT.includes(`\`${code}\``), code);
  });

  void it('has a program that does what it says', async (t) => {
    const bench = new Bench(t);
    for (const [, file = '', code = ''] of TEXT.matchAll(/^`(\w+\.js)`:\n\n```js\n([^]*?)^```$/gmu))
      bench.write(file, code.replace('8123', '0'));
    const shop = bench.read('shop.js');
    const run = async (command: string): Promise<string> =>
      (await bench.run('shop.js', shop.replace('process.argv', `[0, 0, '${command}']`))).output;
    const [, pid] = /^\{ status: 'started', pid: (\d+) \}\n$/u.exec(await run('start')) ?? [];
    assert.equal(await run('start'), `{ status: 'running', pid: ${pid} }\n`);
    const [, next] = /^\{ status: 'started', pid: (\d+) \}\n$/u.exec(await run('restart')) ?? [];
    assert.notEqual(next, pid);
    assert.equal(await run('stop'), `{ status: 'stopped', pid: ${next} }\n`);
    assert.equal(await run('stop'), `{ status: 'not-running' }\n`);
    bench.write('server.js', `throw new Error('no database')`);
    const failed = await run('start');
    assert.match(
      failed,
      /^shop: ERR_DAEMONIZE_ENDED: process \d+ ended with exit code 1, \d+ ms after its start; /u,
    );
    assert.match(failed, /\nERR_DAEMONIZE_ENDED\n$/u);
  });
});

function section(heading: string): string {
  const [, text = ''] = new RegExp(`^## ${heading}\n([^]*?)(?=^## |$(?![^]))`, 'mu').exec(TEXT) ?? [];
  assert.notEqual(text, '', heading);
  return text;
}

/** The first cell of each row of the table whose head begins so, without its outer backquotes. */
function firstCells(head: string): string[] {
  const [table = ''] = new RegExp(`^\\| ${head} .*\n(?:\\|.*\n)+`, 'mu').exec(TEXT) ?? [];
  const rows = table.trim().split('\n').slice(2);
  assert.ok(rows.length > 3, head);
  return rows.map((row) => (row.split('|')[1] ?? '').trim().replace(/^`|`$/gu, ''));
}

/** What a pattern finds in a source, each once and in order. */
function codesIn(file: string, pattern: RegExp): string[] {
  const source = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
  const found = new Set([...source.matchAll(pattern)].map(([, name = '']) => name));
  assert.ok(found.size > 0, file);
  return [...found].toSorted();
}
