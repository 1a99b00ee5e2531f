// A worker of another user does whatever the system lets it: to what it was given, to the processes that it sees, to the
// names of hosts. It harms its own site, and nobody else.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { askSite, get } from '../../kit/ask-site.js';
import { give, OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { entries, steered, tryUpdate } from '../routing/steering.js';
import { Scene } from './scene.js';

const workerFile = siteFile('behaviour', import.meta.url);
const skip = otherUserSkip;

/** A site of the other user, in a directory of that user. */
function hostileIn(theirs: string): Partial<SiteOptions> {
  return { path: theirs, workerOptions: { uid: OTHER_USER, gid: OTHER_USER } };
}

async function setScene(t: TestContext, site: Partial<SiteOptions> = {}): Promise<Scene> {
  return await Scene.set(t, { workerFile, site: { ...hostileIn(placesOf(t).theirs), ...site } });
}

async function deed(scene: Scene, what: string, detail = '', before = true): Promise<unknown> {
  const path = `/${encodeURIComponent(what)}?detail=${encodeURIComponent(detail)}${before ? '&before' : ''}`;
  const { body } = await get(scene.port, 'a.test', path, { limitMs: 60_000 });
  return JSON.parse(String(body));
}

test('another user cannot reach the master, nor the workers of another site', { skip }, async (t) => {
  const scene = await setScene(t);
  const [other] = await scene.vhostd.workers('b');
  const own = (await deed(scene, 'reach', `${await scene.pid()}`)) as string[];
  assert.ok(own.includes('signal 0') && own.includes('limits'), own.join());
  for (const pid of [scene.vhostd.pid, other?.pid ?? 0]) {
    assert.deepEqual(await deed(scene, 'reach', `${pid}`), [], `process ${pid}`);
  }
  await scene.unharmed(t);
});

test('what a worker was given cannot be opened again, made small or shut for others', { skip }, async (t) => {
  const scene = await setScene(t);
  assert.deepEqual(await deed(scene, 'reopen'), []);
  await deed(scene, 'small pipes');
  await deed(scene, 'write everywhere');
  await scene.goOn(20);
  await scene.unharmed(t);
});

for (const what of ['shut down', 'close', 'take all numbers', 'processes']) {
  test(`a worker does this to its own descriptors: ${what}; nobody else notices`, { skip }, async (t) => {
    const scene = await setScene(t);
    const pid = await scene.pid();
    await deed(scene, what, '', false);
    await scene.goOn(30);
    if (what === 'shut down' || what === 'close') await scene.replaced(pid, what);
    else process.kill(pid, 'SIGKILL');
    await scene.replaced(pid, what);
    assert.equal((await get(scene.port, 'a.test', '/')).status, 200);
    await scene.unharmed(t);
  });
}

test(
  'a connection that a worker keeps a copy of, and has block, goes to no other site',
  { skip },
  async (t) => {
    const scene = await setScene(t);
    const client = await WireClient.open(scene.port, { limitMs: 60_000 });
    atEnd(t, () => client.close());
    const ask = async (host: string, path: string): Promise<number> => {
      client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return (await client.answer()).status;
    };
    assert.equal(await ask('a.test', '/block'), 200);
    assert.equal(await ask('b.test', '/'), 421);
    assert.equal(await ask('a.test', '/'), 200);
    // Between workers of its own it moves as ever.
    const { handedBack } = (await scene.vhostd.status()).counts;
    await scene.vhostd.reload('a');
    await scene.vhostd.until('it has moved', ({ counts }) => counts.handedBack > handedBack);
    assert.equal(await ask('a.test', '/'), 200);
    await scene.goOn(20);
    await scene.unharmed(t);
  },
);

test('a worker that stands still is replaced by its heartbeat', { skip }, async (t) => {
  const scene = await setScene(t, { heartbeatInterval: '100ms', heartbeatLimit: '2s' });
  const pid = await scene.pid();
  await deed(scene, 'stand', '', false);
  await scene.replaced(pid, 'stand');
  await scene.unharmed(t);
});

test(
  'a lease on its log holds up nobody, and the status tells why it is not written',
  { skip },
  async (t) => {
    const { theirs } = placesOf(t);
    const scene = await Scene.set(t, { workerFile, site: hostileIn(theirs) });
    // Nobody may have it open when a lease is taken.
    const other = join(theirs, 'next.log');
    writeFileSync(other, '');
    give(other);
    assert.equal(await deed(scene, 'lease', other), 0);
    scene.vhostd.change('a', { logOutput: other });
    await scene.vhostd.ask('longestGapMs');
    await scene.vhostd.reload('a');
    const { sites } = await scene.vhostd.until(
      'the status tells of the log',
      ({ sites: [a] }) => a?.reason !== undefined,
    );
    assert.match(String(sites[0]?.reason), /^its log can't be written: (EAGAIN|EWOULDBLOCK)/);
    await scene.goOn(30);
    await scene.unharmed(t, { gapMs: 1000 });
  },
);

test("no way of writing another site's host makes it one's own", { skip }, async (t) => {
  const names = [
    'b.test',
    'B.TEST',
    'b.test.',
    'B.Test..',
    'b.test:80',
    ' b.test',
    'b.test\0',
    '\uff42.test',
  ];
  names.push(
    'b\u3002test',
    'b.test/',
    'b.te\u00adst',
    '*.test',
    '*',
    '',
    '.',
    'xn--b.test',
    `${'x'.repeat(64)}.test`,
  );
  names.push('b%2etest', '[::1]', '127.0.0.1', `${'a.'.repeat(126)}a`, '__proto__', 'b.test,a.test');
  const vhostd = await startVhostd(t, {
    sites: [steered('a', ['a.test'], { allow: { ports: [0] } }), steered('b', ['b.test'])],
  });
  const port = await vhostd.port();
  for (const host of names) {
    await tryUpdate(vhostd, 'a', { listen: entries(['a.test', host]) });
    for (const asked of ['b.test', 'B.TEST.', `b.test:${port}`])
      assert.equal((await askSite(port, asked)).siteId, 'b', `${JSON.stringify(host)}: ${asked}`);
  }
  assert.ok(vhostd.alive);
});
