import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseMasterConf } from './parse-conf.js';
import { parseShebang, shebangOf } from './shebang.js';
import type { SiteConf } from './site-conf.js';

const dir = mkdtempSync(join(tmpdir(), 'shebang-'));
after(() => rmSync(dir, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

function conf(fields: Record<string, unknown>): SiteConf {
  const raw = { sites: [{ siteId: 'a', path: '.', ...fields }] };
  const [site] = parseMasterConf(raw, { baseDir: dir, file: join(dir, 'vhostd.config.json') }).sites;
  return site ?? assert.fail();
}

void describe('the first line of a file', () => {
  void it('names a program, and what it is given', () => {
    for (const [line, interpreter, ...args] of [
      ['/bin/sh', '/bin/sh'],
      ['/bin/sh -e', '/bin/sh', '-e'],
      ['/usr/bin/awk -F : -f', '/usr/bin/awk', '-F : -f'],
      ['/usr/bin/env python3', 'python3'],
      ['/usr/bin/env -S python3 -u -W error', 'python3', '-u', '-W', 'error'],
    ] as const) {
      assert.deepEqual(parseShebang(line), { interpreter, args }, line);
    }
  });

  void it('names none that vhostd would follow where that is Node, or cannot be said', () => {
    for (const line of [
      '/usr/bin/node',
      '/usr/bin/env node',
      '/usr/bin/env -S node --enable-source-maps',
      '/usr/bin/env nodejs',
      '/usr/bin/env',
      '/usr/bin/env -i sh',
      '/usr/bin/env -S A=1 sh',
      '/usr/bin/env sh -e',
    ]) {
      assert.equal(parseShebang(line), undefined, line);
    }
  });

  void it('is read of a regular file alone, and not of JavaScript', () => {
    const text = '#! /bin/sh\nexit 0\n';
    assert.deepEqual(shebangOf(write('job', text)), { interpreter: '/bin/sh', args: [] });
    assert.deepEqual(shebangOf(write('short', '#!/bin/sh')), { interpreter: '/bin/sh', args: [] });
    for (const name of ['a.js', 'a.cjs', 'a.mjs', 'a.ts'])
      assert.equal(shebangOf(write(name, text)), undefined);
    assert.equal(shebangOf(write('none', 'echo #!/bin/sh\n')), undefined);
    assert.equal(shebangOf(write('empty', '')), undefined);
    assert.deepEqual(shebangOf(write('own.py', '#!/usr/bin/pypy3\n')), {
      interpreter: '/usr/bin/pypy3',
      args: [],
    });
    assert.equal(shebangOf(dir), undefined);
    assert.equal(shebangOf(join(dir, 'missing')), undefined);
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    assert.equal(shebangOf(join(dir, 'pipe')), undefined);
    if (process.geteuid?.() === 0) return;
    chmodSync(write('secret', text), 0);
    assert.equal(shebangOf(join(dir, 'secret')), undefined);
  });
});

void describe('a site whose file says what runs it', () => {
  void it('has that as its interpreter, and no server', () => {
    write('feed.py', '#!/usr/bin/env -S python3 -u\n');
    const { interpreter, server, workerOptions } = conf({ workerFile: 'feed.py' });
    assert.deepEqual([interpreter, server, workerOptions.execArgv], ['python3', false, ['-u']]);
    const own = conf({ workerFile: 'feed.py', workerOptions: { execArgv: ['-O'], env: { A: '1' } } });
    assert.deepEqual(own.workerOptions.execArgv, ['-u', '-O']);
    mkdirSync(join(dir, 'app'), { recursive: true });
    write('app/run', '#!/bin/sh\n');
    assert.equal(conf({ path: 'app', workerFile: 'run' }).interpreter, '/bin/sh');
    assert.equal(conf({ path: 'app/run' }).interpreter, '/bin/sh');
  });

  void it('has the one that its extension names, where its first line names none', () => {
    const of = (name: string): unknown => conf({ workerFile: write(name, 'print("x")\n') }).interpreter;
    assert.deepEqual(['t.py', 't.sh', 't.rb', 't.php', 't.pl', 't', 't.js', 't.coffee'].map(of), [
      'python3',
      'sh',
      'ruby',
      'php',
      'perl',
      undefined,
      undefined,
      undefined,
    ]);
  });

  void it('has the one that its conf names', () => {
    const site = conf({ workerFile: 'feed.py', interpreter: 'pypy3' });
    assert.deepEqual([site.interpreter, site.workerOptions.execArgv], ['pypy3', []]);
  });

  void it('is told what it cannot have then, as any that has an interpreter', () => {
    assert.throws(() => conf({ workerFile: 'feed.py', listen: [{ host: 'a.test', port: 80 }] }), {
      message: /listen.*has no use with 'server': false or an interpreter/,
    });
    assert.equal(conf({ workerFile: write('plain', '#!/usr/bin/env node\n') }).interpreter, undefined);
  });
});
