// `vhostd dev` as a shell runs it.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { appSaying, get, Workspace } from '../cli.test.kit.js';
import type { Running } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void it('serves a change when it is ready; while code is broken, a page says why and reloads itself', async () => {
  workspace.write('shop/index.js', appSaying('one'));
  const dev = workspace.start('dev', './shop', '--port', '0', '--ip', '127.0.0.1');
  const port = await portOf(dev);
  assert.equal(await get(port, 'a.test'), 'one');
  workspace.write('shop/index.js', appSaying('two'));
  await dev.says('dev: index.js changed\n');
  await dev.says('dev: shop reloaded in ');
  assert.equal(await get(port, 'a.test'), 'two');
  workspace.write('shop/index.js', `throw new Error('no <database>');`);
  await dev.says('dev: shop is broken: ');
  const page = await pageOf(port, 'shop is broken');
  assert.match(page, /<meta http-equiv="refresh" content="1">/);
  assert.match(page, /no &#60;database&#62;/);
  workspace.write('shop/index.js', appSaying('three'));
  await untilServed(port, 'three');
  dev.process.kill('SIGINT');
  const { code, stderr } = await dev.ended;
  assert.equal(code, 0, stderr);
});

void it('tells an error once, behind what the worker prints, and again behind the next change', async () => {
  workspace.write('shop/index.js', appSaying('one'));
  const dev = workspace.start('dev', './shop', '--port', '0', '--ip', '127.0.0.1');
  await portOf(dev);
  workspace.write('shop/index.js', `throw new Error('no database');`);
  await dev.says('dev: shop is broken: Error: no database\n');
  workspace.write('shop/index.js', `throw new Error('no database'); // still`);
  const told = 'dev: shop is broken: Error: no database\n';
  await dev.says(`${told}dev: index.js changed\n${told}`);
  workspace.write('shop/index.js', appSaying('two'));
  await dev.says('dev: shop is mended\n');
  workspace.write(
    'shop/index.js',
    `${appSaying('three')}; setTimeout(() => { throw new Error('later'); }, 100);`,
  );
  await dev.says('dev: shop is broken: later\n');
  dev.process.kill('SIGINT');
  const { stdout, stderr } = await dev.ended;
  const ours = `${stdout}${stderr}`.split('\n').filter((line) => !line.startsWith('shop |'));
  const errors = ours.filter((line) => /no database|later|exited/u.test(line));
  const broken = 'dev: shop is broken: ';
  assert.deepEqual(errors, [`${broken}Error: no database`, `${broken}Error: no database`, `${broken}later`]);
});

void it('tells of a worker that ends while another one serves', async () => {
  workspace.write('shop/index.js', appSaying('one'));
  const dev = workspace.start('dev', './shop', '--port', '0', '--ip', '127.0.0.1', '-n', '2');
  await portOf(dev);
  const { stdout } = await workspace.run('status', 'shop', '--json');
  const [pid] = /(?<="pid": ?)\d+/u.exec(stdout) ?? assert.fail(stdout);
  process.kill(Number(pid), 'SIGKILL');
  await dev.says('was ended by SIGKILL\n');
  dev.process.kill('SIGINT');
  const told = await dev.ended;
  assert.match(told.stdout, /^dev: worker shop\/[12] was ended by SIGKILL$/mu);
  assert.equal(told.stderr, '');
});

void it('--json prints an object a line: what the site prints, where it is, what changes', async () => {
  workspace.write('shop/index.js', `console.log('{begins}'); ${appSaying('one')}`);
  const dev = workspace.start('dev', './shop', '--port', '0', '--ip', '127.0.0.1', '--json');
  await dev.says('"event":"watches"');
  workspace.write('shop/index.js', `throw new Error('no database');`);
  await dev.says('"event":"broken"');
  workspace.write('shop/index.js', appSaying('two'));
  await dev.says('"event":"mended"');
  dev.process.kill('SIGINT');
  const { stdout } = await dev.ended;
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { time, workerId, ...printed } = told.find(({ line }) => line === '{begins}') ?? {};
  assert.deepEqual(printed, { siteId: 'shop', stream: 'stdout', line: '{begins}' });
  assert.ok(!Number.isNaN(Date.parse(String(time))) && workerId !== undefined);
  const watches = told.find(({ event }) => event === 'watches');
  assert.match(JSON.stringify(watches), /"files":1,"urls":\["http:\/\/127\.0\.0\.1:\d+\/"\]/u);
  assert.ok(told.some(({ event, files }) => event === 'changed' && String(files) === 'index.js'));
});

void it('ends with its terminal, and leaves nothing running', async () => {
  workspace.write('shop/index.js', appSaying('one'));
  const dev = workspace.start('dev', './shop', '--port', '0', '--ip', '127.0.0.1');
  const port = await portOf(dev);
  dev.process.kill('SIGHUP');
  const { code, stderr } = await dev.ended;
  assert.equal(code, 0, stderr);
  await assert.rejects(get(port, 'a.test'), { code: 'ECONNREFUSED' });
});

void it('begins with broken code, too', async () => {
  workspace.write('shop/index.js', `throw new Error('not yet');`);
  const dev = workspace.start('dev', './shop', '--port', '0', '--ip', '127.0.0.1');
  const port = await portOf(dev);
  await dev.says('dev: shop is broken: ');
  assert.match(await pageOf(port, 'shop is broken'), /not yet/);
  workspace.write('shop/index.js', appSaying('now'));
  await untilServed(port, 'now');
});

/** Once its files are watched. */
async function portOf(dev: Running): Promise<number> {
  let told = '';
  dev.process.stdout?.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await dev.says('dev:   http://127.0.0.1:');
  const [, port] = /http:\/\/127\.0\.0\.1:(\d+)\/\n/.exec(told) ?? assert.fail(told);
  return Number(port);
}

/** It is told before it is shown. */
async function pageOf(port: number, title: string): Promise<string> {
  for (;;) {
    const page = await get(port, 'a.test');
    if (page.includes(title)) return page;
  }
}

async function untilServed(port: number, text: string): Promise<void> {
  while ((await get(port, 'a.test')) !== text);
}
