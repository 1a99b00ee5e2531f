// The README's own site and commands work as they stand there.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { get } from '../kit/ask-site.js';
import { until } from '../kit/until.js';
import { listeningPorts } from '../examples/listening-ports.js';
import { Workbench } from '../examples/workbench.js';
import { codeBlocks } from './markdown.js';
import { readDoc } from './sources.js';

const README = readDoc('README.md');
const VHOSTD = 'node_modules/vhostd/bin/vhostd.js';
/** The port that the README's site names. */
const PORT = 8081;

void test("the README's site runs with the README's commands", async (t) => {
  const bench = new Workbench(t);
  // Another test run, or a newcomer, may be at the README's own port.
  writeFiles(bench, (code) => code.replace(String(PORT), '0'));
  const [run = '', , status = '', reload = ''] = commands();
  const daemon = bench.node(argumentsOf(run));
  await daemon.prints(/^vhostd ready$/m);

  const told = bench.node(argumentsOf(status));
  assert.equal(await told.ended, 0, told.output);
  assert.match(told.output, /^my-site\s+running\s+\d+\/\d+\s+\d+\s+\S+\s+0\s+\S+\s+\d+s\s+my\.localhost$/m);
  const port = Number(/^listens\s+\[::\]:(\d+) tcp/m.exec(told.output)?.[1]);
  const answer = (await get(port, 'my.localhost')).body.toString();
  assert.match(answer, /^Hello from my-site\/\d+, process \d+\n$/);

  const reloaded = bench.node(argumentsOf(reload));
  assert.equal(await reloaded.ended, 0, reloaded.output);
  assert.equal(reloaded.output, 'my-site: generation 2\n');
  daemon.kill('SIGINT');
  assert.equal(await daemon.ended, 0);
});

void test("the README's site runs alone", async (t) => {
  const bench = new Workbench(t);
  writeFiles(bench, (code) => code);
  const [, alone = ''] = /`node (examples\/my-site\/index\.js --port )3000`/.exec(README) ?? [];
  const site = bench.node([...alone.trim().split(' '), '0']);
  const port = await portOf(site.pid);
  assert.equal(
    (await get(port, 'any.example')).body.toString(),
    `Hello from standalone, process ${site.pid}\n`,
  );
});

void test('a server that knows nothing of vhostd gets the connections of its site', async (t) => {
  const bench = new Workbench(t);
  writeFileSync(
    join(bench.dir, 'index.js'),
    `require('node:http').createServer((request, response) => response.end('old server')).listen(3000);`,
  );
  const sites = [{ siteId: 'old', path: '.', cpuLen: 1, listen: [{ host: 'old.localhost', port: 0 }] }];
  writeFileSync(join(bench.dir, 'old.json'), JSON.stringify({ sites }));
  const daemon = bench.node([VHOSTD, 'run', '--config', 'old.json']);
  await daemon.prints(/^vhostd ready$/m);
  const told = bench.node([VHOSTD, 'status', '--json']);
  await told.ended;
  const { listeners } = JSON.parse(told.output) as { listeners: { port: number }[] };
  assert.equal((await get(listeners[0]?.port ?? 0, 'old.localhost')).body.toString(), 'old server');
});

void test('the port in the README is the same wherever it is named', () => {
  const block = codeBlocks(README).find(({ file }) => file?.endsWith('.js') === true);
  assert.match(block?.code ?? '', new RegExp(`port: ${PORT}`));
  assert.ok(commands().includes(`curl http://my.localhost:${PORT}/`));
});

/** The commands of the block that begins with `npx vhostd run`, without their comments. */
function commands(): string[] {
  const block = codeBlocks(README).find(({ code }) => code.startsWith('npx vhostd run'));
  return (block?.code ?? '').split('\n').map((line) => line.replace(/\s+#.*$/, ''));
}

/** A command `npx vhostd …` as arguments of node. */
function argumentsOf(command: string): string[] {
  assert.match(command, /^npx vhostd /);
  return [VHOSTD, ...command.split(' ').slice(2)];
}

function writeFiles(bench: Workbench, change: (code: string) => string): void {
  for (const { file, code } of codeBlocks(README)) {
    if (file === undefined) continue;
    mkdirSync(dirname(join(bench.dir, file)), { recursive: true });
    writeFileSync(join(bench.dir, file), change(code));
  }
}

async function portOf(pid: number): Promise<number> {
  return await until('the site listens', () => {
    const [value = 0] = listeningPorts(pid);
    return { done: value !== 0, value };
  });
}
