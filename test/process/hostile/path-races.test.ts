// A site exchanges all of its files at once, all the while, for links to what is root's, pipes, devices, huge files and
// directories, as it is reloaded again and again: it learns nothing, writes nowhere, and nobody else notices.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { get } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { give, OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { Scene } from './scene.js';

/** More for a walk by hand. */
const ROUNDS = Number(process.env['VHOSTD_RACE_ROUNDS'] ?? 8);
const SECRET = 'what only root may read';
/** Nothing of a file of 10 GiB. */
const GROWN_MAX_MB = 100;

const KINDS: Record<string, string[]> = {
  'of its code': ['package.json', 'index.js', 'cwd'],
  'of its conf': ['.env', 'token', 'page.html'],
  'of its logs': ['log', 'out.log', 'access.log'],
  'of its keys': ['key.pem', 'cert.pem'],
};

for (const [what, names] of Object.entries(KINDS)) {
  test(`a race of paths: those ${what}`, { skip: otherUserSkip }, async (t) => {
    const { locked, secret, theirs } = await placesFor(t);
    const scene = await Scene.set(t, { workerFile: '.', site: siteIn(theirs) });
    const before = scene.residentMb;
    const told: string[] = [];
    const stop = await race([theirs, locked, secret, ...names]);
    try {
      for (let round = 0; round < ROUNDS; round += 1) told.push(...(await liveOn(scene)));
      told.push(scene.vhostd.output);
    } finally {
      await stop();
    }
    assert.ok(!told.join('\n').includes(SECRET), 'it has learned what is in a file of root');
    assert.deepEqual([readFileSync(secret, 'utf8'), readdirSync(locked)], [SECRET, ['secret']]);
    for (const file of filesBelow(theirs)) assert.ok(!readFileSync(file, 'utf8').includes(SECRET), file);
    const grownMb = scene.residentMb - before;
    t.diagnostic(`${told.length} answers; the master grew by ${grownMb} MB`);
    assert.ok(grownMb < GROWN_MAX_MB, `${grownMb} MB`);
    await scene.unharmed(t);
  });
}

/** A site whose files all lie in its own directory. */
async function placesFor(t: TestContext): Promise<{ locked: string; secret: string; theirs: string }> {
  const { ours, theirs } = placesOf(t);
  const locked = join(ours, 'locked');
  mkdirSync(locked, { mode: 0o700 });
  const secret = join(locked, 'secret');
  writeFileSync(secret, SECRET, { mode: 0o600 });
  const { key, cert } = await selfSigned('a.test');
  const files = {
    'package.json': '{"main":"index.js"}',
    'index.js': SITE,
    '.env': 'GIVEN=1',
    token: 'token',
    'page.html': 'back soon',
    'out.log': '',
    'access.log': '',
    'key.pem': key,
    'cert.pem': cert,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(theirs, name), text);
  for (const name of ['log', 'cwd']) mkdirSync(join(theirs, name));
  for (const name of readdirSync(theirs)) give(join(theirs, name));
  return { locked, secret, theirs };
}

function siteIn(theirs: string): object {
  const place = { host: 'a.test', port: 0, ipaddress: '127.0.0.1' };
  return {
    path: theirs,
    listen: [
      { type: 'tcp', ...place },
      { type: 'ssl', ...place, key: join(theirs, 'key.pem'), cert: join(theirs, 'cert.pem') },
    ],
    workerOptions: {
      uid: OTHER_USER,
      gid: OTHER_USER,
      cwd: 'cwd',
      env: { TOKEN: { file: 'token' } },
    },
    envFile: '.env',
    maintenancePage: 'page.html',
    logAll: 'log/all.log',
    logOutput: 'out.log',
    accessLog: 'access.log',
    bootTimeout: '5s',
    drainTimeout: '1s',
  };
}

/** What its operator does with such a site, and what its clients and the operator are told. */
async function liveOn(scene: Scene): Promise<string[]> {
  const { vhostd, port } = scene;
  const orders = [
    async (): Promise<unknown> => await vhostd.reload('a'),
    async (): Promise<unknown> => await vhostd.maintenance('a'),
    async (): Promise<unknown> => String((await get(port, 'a.test', '/', { limitMs: 30_000 })).body),
    async (): Promise<unknown> => await vhostd.maintenance('a', null),
    async (): Promise<unknown> => String((await get(port, 'a.test', '/', { limitMs: 30_000 })).body),
    async (): Promise<unknown> => await vhostd.site('a'),
  ];
  const told: string[] = [];
  for (const order of orders) {
    const answer = await order().catch((error: unknown) => String(error));
    told.push(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }
  await scene.goOn(5);
  return told;
}

async function race(args: string[]): Promise<() => Promise<void>> {
  const file = fileURLToPath(new URL('./path-races.child.js', import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    uid: OTHER_USER,
    gid: OTHER_USER,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return async () => {
    assert.equal(child.exitCode, null, 'the race was run to the end');
    child.kill('SIGKILL');
    await ended;
  };
}

/** Regular ones that hold what they say they do. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => statSync(file).size < 1024 ** 2);
}

const SITE = `
  const { readdirSync } = require('node:fs');
  let printed = 0;
  setInterval(() => (printed += 1) < 100 && console.log(JSON.stringify(process.env)), 20);
  const seen = () => { try { return readdirSync('.').join(); } catch (error) { return error.code; } };
  require('node:http')
    .createServer((_request, response) => response.end(JSON.stringify({ ...process.env, seen: seen() })))
    .listen(8080);`;
