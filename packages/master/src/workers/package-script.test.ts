import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import type { Release } from '../conf/release.js';
import { parseCommand } from './node-command.js';
import { WorkerFiles } from './worker-files.js';

/** A site's directory with these scripts, and a server.js. */
function directoryWith(t: TestContext, scripts: Record<string, unknown>): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'vhostd-script-')));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ scripts }));
  writeFileSync(join(directory, 'server.js'), '');
  return directory;
}

function releaseOf(path: string, workerFile: string, ...workerArgs: string[]): Release {
  return new WorkerFiles(
    parseSite({ siteId: 'a', path, workerFile, workerArgs }, { baseDir: '/' }),
  ).release();
}

test('a command of Node is read as a shell reads it', () => {
  const read: [
    text: string,
    file: string,
    execArgv: string[],
    args: string[],
    env: Record<string, string>,
  ][] = [
    ['node server.js', 'server.js', [], [], {}],
    ['  node  ./bin/www --port 3000 ', './bin/www', [], ['--port', '3000'], {}],
    ['NODE_ENV=production node .', '.', [], [], { NODE_ENV: 'production' }],
    ['cross-env A=1 B="two words" node x.js', 'x.js', [], [], { A: '1', B: 'two words' }],
    [
      'node -r dotenv/config --max-old-space-size=512 x.js',
      'x.js',
      ['-r', 'dotenv/config', '--max-old-space-size=512'],
      [],
      {},
    ],
    [
      'node --env-file=.env --import ./a.mjs x.js -- y',
      'x.js',
      ['--env-file=.env', '--import', './a.mjs'],
      ['--', 'y'],
      {},
    ],
    ['tsx src/main.ts -v', 'src/main.ts', ['--import', 'tsx'], ['-v'], {}],
    ['A=1 ts-node main.ts', 'main.ts', ['--require', 'ts-node/register'], [], { A: '1' }],
    [`node 'my app.js' "a b"c ''`, 'my app.js', [], ['a bc', ''], {}],
  ];
  for (const [text, file, execArgv, args, env] of read) {
    assert.deepEqual(parseCommand(text), { file, execArgv, args, env }, text);
  }
});

test('what needs a shell, or is no command of Node that runs a file, is none', () => {
  const none = [
    '',
    'next start',
    'node',
    'node a.js && node b.js',
    'node a.js; true',
    'node $FILE',
    'node "$FILE"',
  ];
  none.push(
    'node a.js | pino-pretty',
    'node `pwd`',
    'node *.js',
    'node a.js > log',
    "node -e '1'",
    'node --watch a.js',
    'tsx watch a.ts',
    'tsx --no-cache a.ts',
    'tsx',
  );
  none.push(
    'node --test a.js',
    'nodemon a.js',
    'node a\\ b.js',
    "node 'a.js",
    'node a.js & ',
    '(node a.js)',
    'A=1',
  );
  none.push(`node ${'a'.repeat(5000)}`);
  for (const text of none) assert.equal(parseCommand(text), undefined, text);
});

test('npm, pnpm and yarn stand for the file that their script runs', (t) => {
  const directory = directoryWith(t, { start: 'A=1 node -r ./x server.js one', prod: 'node ./server.js' });
  const workerFile = join(directory, 'server.js');
  const start = { workerFile, cwd: directory, execArgv: ['-r', './x'], env: { A: '1' } };
  assert.deepEqual(releaseOf(directory, 'npm', 'start'), { ...start, workerArgs: ['one'] });
  assert.deepEqual(releaseOf(directory, 'npm', 'run', 'start', '--', '-p', '1'), {
    ...start,
    workerArgs: ['one', '-p', '1'],
  });
  assert.deepEqual(releaseOf(directory, 'pnpm', 'start', '-p'), { ...start, workerArgs: ['one', '-p'] });
  for (const args of [['run', 'prod'], ['prod']]) {
    assert.equal(releaseOf(directory, 'yarn', ...args).workerFile, workerFile);
  }
});

test('a file that has the name of one is run itself', (t) => {
  const directory = directoryWith(t, {});
  writeFileSync(join(directory, 'npm'), '');
  assert.equal(releaseOf(directory, 'npm', 'start').workerFile, join(directory, 'npm'));
});

test('what can not be run says what to write instead', (t) => {
  const directory = directoryWith(t, {
    start: 'next start -p 3000',
    shell: 'node a.js && node b.js',
    gone: 'node gone.js',
    built: 'node server.js',
    prebuilt: 'tsc',
  });
  mkdirSync(join(directory, 'node_modules/next'), { recursive: true });
  mkdirSync(join(directory, 'node_modules/.bin'));
  writeFileSync(join(directory, 'node_modules/next/cli.js'), '');
  symlinkSync('../next/cli.js', join(directory, 'node_modules/.bin/next'));
  const refused: [args: string[], message: RegExp][] = [
    [
      ['start'],
      /"next start -p 3000"; if next serves in its own process, write "workerFile": "node_modules\/next\/cli.js", "workerArgs": \["start","-p","3000"\], else/,
    ],
    [
      ['run', 'shell'],
      /no command of Node alone: .*; name the file in which the server is: "workerFile": "server.js"$/,
    ],
    [['run', 'gone'], /but there is no .*gone\.js$/],
    [['run', 'built'], /has prebuilt, which vhostd does not run; run it when you deploy$/],
    [['run', 'none'], /has no script "none"$/],
    [['run', '__proto__'], /has no script "__proto__"$/],
    [['install'], /"start" and "run SCRIPT"/],
    [[], /"start" and "run SCRIPT"/],
    [['start', '--silent'], /--silent is an option of npm's/],
  ];
  for (const [args, message] of refused) {
    assert.throws(
      () => releaseOf(directory, 'npm', ...args),
      { code: 'ERR_SITE_SCRIPT', message },
      args.join(' '),
    );
  }
  writeFileSync(join(directory, 'package.json'), '{');
  assert.throws(() => releaseOf(directory, 'npm', 'start'), { message: /package\.json cannot be read$/ });
});
