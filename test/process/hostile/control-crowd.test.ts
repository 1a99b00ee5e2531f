// Clients of the control socket that ask for nothing, begin a request, or do not read: a crowd of them that stays holds a
// bounded number of descriptors, orders get through, and sites notice nothing.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { descriptorCount } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const CROWD = 300;
/** What the server accepts, with what the daemon needs for orders. */
const DESCRIPTORS_MORE = 150;

const KINDS = {
  'say nothing': '',
  'begin a head': 'GET /v1/status HTTP/1.1\r\nHost: vhostd\r\n',
  'begin a body':
    'POST /v1/reload HTTP/1.1\r\nHost: vhostd\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
};

for (const [what, said] of Object.entries(KINDS)) {
  test(`${CROWD} clients of the control socket that ${what} keep nobody from it`, async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    const before = descriptorCount(vhostd.pid);
    const crowd: Socket[] = [];
    atEnd(t, () => crowd.forEach((socket) => socket.destroy()));
    let ended = 0;
    for (let count = 0; count < CROWD; count += 1) {
      const socket = connect({ path: join(vhostd.runDir, 'control.sock') });
      socket.on('error', () => undefined);
      socket.on('close', () => (ended += 1));
      socket.write(said);
      socket.resume();
      crowd.push(socket);
    }
    await until('those have left for whom there is no room', () => ({
      done: ended >= CROWD - 128,
      value: ended,
    }));
    const held = descriptorCount(vhostd.pid) - before;
    assert.ok(held <= DESCRIPTORS_MORE, `${held}`);
    // The daemon may be full to the last for half a second.
    await until('the status is told', async () => {
      const { code, stderr } = await vhostd.run('status');
      return { done: code === 0, value: stderr };
    });
    for (const order of [['status'], ['reload'], ['restart', 'a']]) {
      const { code, stderr } = await vhostd.run(...order);
      assert.deepEqual([code, stderr], [0, ''], order.join(' '));
    }
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
  });
}
