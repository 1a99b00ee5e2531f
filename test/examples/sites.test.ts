// What a newcomer runs first: examples/start.js with its two sites, until Ctrl-C.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../kit/at-end.js';
import { get } from '../kit/ask-site.js';
import { EXAMPLES, Workbench } from './workbench.js';
import type { Program } from './workbench.js';

void describe('examples/start.js', () => {
  void test('serves both sites by host name, and anything else by the default one', async (t) => {
    const { port, bench } = await start(t);
    const express = await who(port, 'express.localhost');
    assert.equal(express.site, 'express');
    assert.equal(express.generation, 1);
    assert.match((await get(port, 'express.localhost')).body.toString(), /The <em>express<\/em> site is up/);
    const plain = (await get(port, `plain.localhost:${port}`, '/some?path')).body.toString();
    assert.match(plain, /^site {8}plain$/m);
    assert.match(plain, /^path {8}\/some\?path$/m);
    assert.equal((await who(port, '127.0.0.1')).site, 'express');
    assert.ok(bench.processes().includes(express.pid));
  });

  void test('spreads connections over both workers of the express site', async (t) => {
    const { port } = await start(t);
    const pids = new Set<number>();
    for (let index = 0; index < 4; index += 1) pids.add((await who(port, 'express.localhost')).pid);
    assert.equal(pids.size, 2);
  });

  void test('answers the commands that it prints', async (t) => {
    const { port, bench, program } = await start(t);
    const [, status = ''] = await program.prints(/npx vhostd (status .*)$/m);
    const [, reload = ''] = await program.prints(/npx vhostd (reload .*)$/m);
    const told = await vhostd(bench, status);
    assert.match(told, /^express\s+running\s+(\d+)\/\1\s+\d+\s+\S+\s+0\s+\S+\s+\S+\s+express\.localhost/m);
    assert.match(told, /^plain\s+running\s+(\d+)\/\1\s+\d+\s+\S+\s+0\s+\S+\s+\S+\s+plain\.localhost/m);
    assert.equal(await vhostd(bench, reload), 'express: generation 2\nplain: generation 2\n');
    assert.equal((await who(port, 'express.localhost')).generation, 2);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    void test(`ends all of it with exit code 0 on ${signal}`, async (t) => {
      const { program, bench } = await start(t);
      assert.ok(bench.processes().length >= 6, 'itself, daemon, master, three workers');
      program.kill(signal);
      assert.equal(await program.ended, 0);
      assert.deepEqual(bench.processes(), []);
      assert.match(program.output, /All processes have ended\.\n$/);
      assert.match(bench.read('sites/plain-site/log/all.log'), /^plain\/\d+ is ready\nplain\/\d+ is done\n$/);
    });
  }

  void test('ends the daemon that has taken the place of the first one, by an upgrade or a kill', async (t) => {
    const { port, program, bench } = await start(t);
    const [, where = ''] = await program.prints(/npx vhostd status (.*)$/m);
    await vhostd(bench, `upgrade ${where}`);
    const [, upgraded = ''] = await program.prints(/^The daemon is process (\d+) now\.$/m);
    process.kill(Number(upgraded), 'SIGKILL');
    const next = new RegExp(
      `^The daemon is process ${upgraded} now\\.\n[^]*^The daemon is process (\\d+) now\\.$`,
      'm',
    );
    await program.prints(next);
    assert.equal((await who(port, 'express.localhost')).generation, 1);
    program.kill('SIGINT');
    assert.equal(await program.ended, 0, program.output);
    assert.deepEqual(bench.processes(), []);
  });

  void test('passes over a port that is taken', async (t) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, resolve));
    atEnd(t, () => taken.close());
    const address = taken.address();
    const first = typeof address === 'object' && address !== null ? address.port : 0;
    const { port } = await start(t, first);
    assert.ok(port > first, `${port} is behind ${first}`);
    assert.equal((await who(port, 'express.localhost')).site, 'express');
  });

  void test('its conf file names port 8080, which is what it uses where it can', () => {
    const conf = JSON.parse(readFileSync(join(EXAMPLES, 'vhostd.config.json'), 'utf8')) as Conf;
    const ports = conf.sites.flatMap(({ listen }) => listen.map(({ port }) => port));
    assert.deepEqual([...new Set(ports)], [8080]);
    assert.match(readFileSync(join(EXAMPLES, 'start.js'), 'utf8'), /^const CONF_PORT = 8080;$/m);
  });
});

interface Conf {
  sites: { listen: { port: number }[] }[];
}

/** What the express site says of the worker that answers. */
interface Who {
  site: string;
  worker: string;
  pid: number;
  generation: number;
}

/** Starts it in a copy of the examples, on a port from `from` on. */
async function start(
  t: TestContext,
  from = 18_080,
): Promise<{ port: number; program: Program; bench: Workbench }> {
  const bench = new Workbench(t);
  for (const name of ['start.js', 'vhostd.config.json', 'sites']) bench.copy(name);
  const program = bench.node(['start.js'], { env: { PORT: String(from) } });
  const [, port] = await program.prints(/http:\/\/express\.localhost:(\d+)\//);
  await program.prints(/Ctrl-C stops all of it/);
  return { port: Number(port), program, bench };
}

async function who(port: number, host: string): Promise<Who> {
  return JSON.parse((await get(port, host, '/who')).body.toString()) as Who;
}

async function vhostd(bench: Workbench, command: string): Promise<string> {
  const bin = join(bench.dir, 'node_modules/vhostd/bin/vhostd.js');
  const program = bench.node([bin, ...command.trim().split(' ')]);
  assert.equal(await program.ended, 0, program.output);
  return program.output;
}
