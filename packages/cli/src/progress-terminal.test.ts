// What a person on a terminal sees while something takes its time.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CLEAR_LINE } from '@vhostd/protocol';
import { Workspace } from './cli.test.kit.js';

/** Its answers come when the file is there. */
const SLOW = `
const { existsSync } = require('node:fs');
require('node:http').createServer((request, response) => {
  const look = setInterval(() => {
    if (!existsSync('go')) return;
    clearInterval(look);
    response.end('ok');
  }, 20);
}).listen(80);
`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void describe('on a terminal', () => {
  void it('run tells where each site is, and when it is stopped what it waits for', async () => {
    workspace.write('shop/server.cjs', SLOW);
    workspace.conf([{ siteId: 'shop', port: 0 }]);
    const daemon = workspace.startOnTerminal(80, 'run', '--config', 'vhostd.config.json');
    await daemon.says('vhostd ready');
    const told = JSON.parse((await workspace.run('status', '--json')).stdout) as {
      daemon: { pid: number };
      listeners: [{ port: number }];
    };
    const { port } = told.listeners[0];
    await daemon.says(`  shop  http://shop.test:${port}/`);
    const answer = ask(port);
    await connected();
    process.kill(told.daemon.pid, 'SIGINT');
    await daemon.says('shop waits for 1 connection, at most 30s; Ctrl-C again ends at once');
    workspace.write('shop/go', '');
    assert.equal(await answer, 'ok');
    const { code, stdout } = await daemon.ended;
    assert.equal(code, 0, stdout);
    assert.ok(!stdout.includes('{"level"'), stdout);
  });

  void it('run takes the line away that tells how far it is before it says that it is ready', async () => {
    // The line has been written when it listens.
    workspace.write('shop/server.cjs', `setTimeout(() => { ${SLOW} }, 700)`);
    workspace.conf([{ siteId: 'shop', port: 0 }]);
    const daemon = workspace.startOnTerminal(80, 'run', '--config', 'vhostd.config.json');
    await daemon.says('  shop  http://shop.test:');
    assert.equal((await workspace.run('stop', 'shop')).code, 0);
    assert.equal((await workspace.run('stop')).code, 0);
    const { stdout } = await daemon.ended;
    assert.ok(stdout.includes(`${CLEAR_LINE}shop 0/1${CLEAR_LINE}vhostd ready`), stdout);
    const again = await workspace.startOnTerminal(80, 'start').ended;
    assert.ok(again.stdout.includes('  shop  stopped: vhostd start shop'), again.stdout);
    assert.equal((await workspace.run('stop')).code, 0);
  });

  void it('run tells where each site is, also where one of them is not up, in lines that fit', async () => {
    workspace.write('shop/server.cjs', SLOW);
    workspace.write('bad/server.cjs', `throw new Error('${'no database '.repeat(12)}');`);
    workspace.conf([
      { siteId: 'shop', port: 0 },
      { siteId: 'bad', port: 0 },
    ]);
    const daemon = workspace.startOnTerminal(80, 'run', '--config', 'vhostd.config.json');
    await daemon.says('not up: bad');
    await daemon.says('  shop  http://shop.test:');
    const ended = await workspace.run('stop', '--now');
    assert.equal(ended.code, 0, ended.stderr);
    const lines = stripVTControlCharacters((await daemon.ended).stdout).split(/[\r\n]+/u);
    const logged = lines.filter((line) => / error bad: |^ {2}.*no database/u.test(line));
    assert.ok(logged.length > 1 && logged.every((line) => line.length <= 80), logged.join('\n'));
  });

  void it('run ends gracefully when its terminal closes; SIGHUP of a person is a reload', async () => {
    workspace.write('shop/server.cjs', SLOW);
    workspace.conf([{ siteId: 'shop', port: 0 }]);
    const terminal = workspace.startOnTerminal(80, 'run', '--config', 'vhostd.config.json');
    await terminal.says('vhostd ready');
    const told = JSON.parse((await workspace.run('status', '--json')).stdout) as {
      daemon: { pid: number };
      listeners: [{ port: number }];
    };
    process.kill(told.daemon.pid, 'SIGHUP');
    await generationOf(2);
    const answer = ask(told.listeners[0].port);
    await connected();
    terminal.process.kill('SIGKILL');
    await stopping();
    workspace.write('shop/go', '');
    assert.equal(await answer, 'ok');
    while ((await workspace.run('status')).code !== 3);
  });

  void it('reload shows a site slot by slot and takes that away at the end', async () => {
    const boot = `setTimeout(() => { ${SLOW} }, 700)`;
    workspace.write('shop/server.cjs', boot);
    workspace.conf([{ siteId: 'shop', port: 0 }]);
    await workspace.daemon('--log-level', 'silent');
    const { code, stdout } = await workspace.startOnTerminal(80, 'reload').ended;
    assert.equal(code, 0, stdout);
    assert.ok(stdout.includes(`${CLEAR_LINE}shop 0/1`), stdout);
    assert.ok(stdout.trimEnd().endsWith(`${CLEAR_LINE}shop: generation 2`), stdout);
  });

  void it('of a site with many hosts ten addresses are told', async () => {
    workspace.write('shop/server.cjs', SLOW);
    const listen = Array.from({ length: 30 }, (_, index) => ({ host: `h${index}.test`, port: 0 }));
    const site = { siteId: 'shop', path: 'shop', workerFile: 'server.cjs', cpuLen: 1, listen };
    workspace.write('vhostd.config.json', JSON.stringify({ sites: [site] }));
    const daemon = workspace.startOnTerminal(80, 'run', '--config', 'vhostd.config.json');
    await daemon.says('and 20 more: vhostd status shop');
    assert.equal((await workspace.run('stop')).code, 0);
    assert.equal((await daemon.ended).stdout.match(/http:/g)?.length, 10);
  });

  void it('who no longer waits is told that the order goes on', async () => {
    workspace.write('shop/server.cjs', SLOW);
    workspace.conf([{ siteId: 'shop', port: 0 }]);
    await workspace.daemon('--log-level', 'silent');
    const told = JSON.parse((await workspace.run('status', '--json')).stdout) as {
      listeners: [{ port: number }];
    };
    const answer = ask(told.listeners[0].port);
    await connected();
    const stop = workspace.startOnTerminal(80, 'stop', 'shop');
    await stop.says('shop waits for 1 connection');
    // What the terminal does at Ctrl-C: the command is the child of what made the terminal.
    const { pid = 0 } = stop.process;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    process.kill(Number.parseInt(children, 10), 'SIGINT');
    await stop.says('vhostd: what was ordered goes on; vhostd status shows how far it is');
    await stop.ended;
    workspace.write('shop/go', '');
    assert.equal(await answer, 'ok');
    while (!(await workspace.run('status')).stdout.includes('shop  stopped'));
  });

  void it('an order for one site shows nothing of others', async () => {
    workspace.write('shop/server.cjs', `setTimeout(() => { ${SLOW} }, 700)`);
    workspace.write('bad/server.cjs', 'setTimeout(() => process.exit(1), 300)');
    workspace.conf([
      { siteId: 'shop', port: 0 },
      { siteId: 'bad', port: 0 },
    ]);
    await workspace.start('run', '--run-dir', workspace.runDir, '--log-level', 'silent').says('not up: bad');
    const { code, stdout } = await workspace.startOnTerminal(80, 'reload', 'shop').ended;
    assert.equal(code, 0, stdout);
    assert.ok(stdout.includes(`${CLEAR_LINE}shop 0/1`) && !stdout.includes('bad'), stdout);
  });

  void it('findings are broken between words', async () => {
    workspace.write('shop/readme', '');
    workspace.conf([{ siteId: 'shop', port: 0 }]);
    const { code, stdout } = await workspace.startOnTerminal(60, 'check').ended;
    assert.equal(code, 1, stdout);
    const lines = stripVTControlCharacters(stdout).split(/\r?\n/u);
    assert.ok(lines.length > 3, stdout);
    // A word may be longer than a line.
    assert.deepEqual(
      lines.filter((line) => line.length > 60 && line.trim().includes(' ')),
      [],
    );
  });
});

function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'shop.test' };
    http
      .get({ port, host: '127.0.0.1', headers, agent: false }, (response) => {
        response.setEncoding('utf8');
        response.on('data', resolve);
      })
      .on('error', reject);
  });
}

/** The site is of this generation. */
async function generationOf(wanted: number): Promise<void> {
  for (;;) {
    const { stdout } = await workspace.run('status', '--json');
    const { sites } = JSON.parse(stdout) as { sites: { generation: number; state: string }[] };
    if (sites.every(({ generation, state }) => generation === wanted && state === 'running')) return;
  }
}

/** The daemon lets its sites finish. */
async function stopping(): Promise<void> {
  for (;;) {
    const { stdout } = await workspace.run('status', '--json');
    const { sites } = JSON.parse(stdout) as { sites: { state: string }[] };
    if (sites.every(({ state }) => state === 'stopping')) return;
  }
}

/** A worker has a connection. */
async function connected(): Promise<void> {
  for (;;) {
    const { stdout } = await workspace.run('status', '--json');
    const { sites } = JSON.parse(stdout) as { sites: { workers: { connections: number }[] }[] };
    if (sites.some(({ workers }) => workers.some(({ connections }) => connections > 0))) return;
  }
}
