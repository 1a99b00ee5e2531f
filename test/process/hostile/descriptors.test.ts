// A worker sends descriptors that no worker sends: the master neither aborts, nor waits, nor fills.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { siteFile } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { Scene } from './scene.js';

const workerFile = siteFile('descriptors', import.meta.url);
const KINDS = [
  'file',
  'null',
  'directory',
  'path',
  'terminal',
  'memory',
  'eventfd',
  'epoll',
  'netlink',
  'unix datagram',
  'unix stream',
  'udp',
  'timer',
  'inotify',
  'process',
  'ring',
  'unix with one in it',
  'tcp that listens',
];
const WHERE_NOBODY_TAKES_ANY = ['stdout', 'channel', 'link', 'data'];

test('a descriptor of any kind is refused where one can come, and comes nowhere else', async (t) => {
  const scene = await Scene.set(t, { workerFile });
  for (const over of WHERE_NOBODY_TAKES_ANY)
    for (const kind of KINDS) await scene.attack(`kind/${over}/${kind}`);
  assert.equal((await scene.vhostd.status()).counts.violations, 0);
  for (const [index, kind] of KINDS.entries()) {
    const pid = await scene.pid();
    await scene.attack(`kind/returns/${kind}`);
    await scene.replaced(pid, kind);
    assert.equal((await scene.vhostd.status()).counts.violations, index + 1, kind);
  }
  await scene.unharmed(t);
});

test('thousands of descriptors fill nothing', async (t) => {
  const scene = await Scene.set(t, { workerFile });
  for (const over of WHERE_NOBODY_TAKES_ANY) await scene.attack(`many/${over}`);
  const pid = await scene.pid();
  await scene.attack('many/returns');
  await scene.replaced(pid, 'many');
  assert.equal((await scene.vhostd.status()).counts.violations, 1);
  await scene.unharmed(t);
});

test('a site that goes on with it is given up by its restart policy', async (t) => {
  const scene = await Scene.set(t, { workerFile, restart: { intensity: 2 } });
  for (let count = 0; count < 3; count += 1) {
    const pid = await scene.pid();
    await scene.attack('kind/returns/null');
    if (count < 2) await scene.replaced(pid, `time ${count + 1}`);
  }
  const { sites } = await scene.vhostd.until('it is given up', ({ sites: [a] }) => a?.state === 'errored');
  assert.match(sites[0]?.workers[0]?.reason ?? '', /no TCP connection/);
  await scene.unharmed(t);
});

for (const over of ['stdout', 'channel', 'link', 'data', 'returns']) {
  for (const detail of ['live', 'die']) {
    test(`a socket that lingers, sent on ${over}, stops the master for a moment at most; the worker ${detail}s`, async (t) => {
      const scene = await Scene.set(t, { workerFile });
      const pid = await scene.pid();
      const client = await WireClient.open(scene.port, { limitMs: 60_000 });
      atEnd(t, () => client.reset());
      client.send(`GET /${encodeURIComponent(`linger/${over}/${detail}`)} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      await client.head();
      client.socket.pause();
      if (detail === 'die') await scene.replaced(pid, over);
      else await scene.goOn(60);
      await scene.unharmed(t, { gapMs: 1000 });
    });
  }
}
