// Moving a connection between its requests loses nothing; with any of the conditions missing, it does.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { NativeHandle } from '@vhostd/transport';
import { detach, responseOn } from '../node/http-connections.js';
import { runShuttle } from './shuttle.test.kit.js';
import type { Mover } from './shuttle.test.kit.js';

void describe('moving connections between their requests', () => {
  void it('loses no request of clients that never pause, over hundreds of moves', async (t) => {
    const options = { clientCount: 4, requestCount: 500, patienceMs: 30_000 };
    const result = await runShuttle(t, (side) => side.migration.move(), options);
    t.diagnostic(`${result.moveCount} moves`);
    assert.deepEqual({ ok: result.okCount, lost: result.lostCount }, { ok: 2000, lost: 0 });
    assert.ok(result.moveCount > 200, `${result.moveCount} moves`);
  });

  void it('loses requests where it does not matter whether one has begun', async (t) => {
    await loses(t, (side) => {
      for (const socket of side.connections.all()) {
        if (socket.destroyed || responseOn(socket) !== undefined) continue;
        const handle = detach(socket);
        if (handle !== undefined) side.send(handle);
      }
    });
  });

  void it('loses requests where reading goes on for a moment', async (t) => {
    await loses(t, (side) => {
      for (const socket of side.connections.idle()) {
        if (socket.destroyed || responseOn(socket) !== undefined) continue;
        const handle = detachReading(socket);
        if (handle !== undefined) side.send(handle);
      }
    });
  });
});

/** The negative control: shows that the test above would notice. */
async function loses(t: Parameters<typeof runShuttle>[0], mover: Mover): Promise<void> {
  const result = await runShuttle(t, mover, { clientCount: 8, requestCount: 500, patienceMs: 1000 });
  assert.ok(result.lostCount > 0, `${result.okCount} requests, ${result.moveCount} moves, none lost`);
}

/** `detach` without the one thing that matters. */
function detachReading(socket: Socket): NativeHandle | undefined {
  const handle = Reflect.get(socket, '_handle') as NativeHandle | null;
  if (handle === null) return undefined;
  const { readStop } = handle;
  handle.readStop = () => 0;
  const detached = detach(socket);
  handle.readStop = readStop;
  return detached;
}
