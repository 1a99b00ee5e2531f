import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Server as TlsServer } from 'node:tls';
import { test } from 'node:test';
import { Handshakes } from './handshakes.js';

const LIMIT_MS = 5000;

/** As far as a handshake is looked at. */
class FakeSocket {
  bytesRead = 0;
  bytesWritten = 0;
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
  }
}

function setScene(): { server: EventEmitter; handshakes: Handshakes; begin: () => FakeSocket } {
  const [server, handshakes] = [new EventEmitter(), new Handshakes()];
  handshakes.watch(server as TlsServer);
  const begin = (): FakeSocket => {
    const socket = new FakeSocket();
    server.emit('connection', socket);
    return socket;
  };
  return { server, handshakes, begin };
}

test('a handshake ends when nothing has gone either way for so long', () => {
  const { handshakes, begin } = setScene();
  const [silent, heard, answered] = [begin(), begin(), begin()];
  handshakes.endSilent(LIMIT_MS, 0);
  handshakes.endSilent(LIMIT_MS, LIMIT_MS - 1);
  assert.equal(handshakes.count, 3);
  heard.bytesRead += 1;
  answered.bytesWritten += 1;
  handshakes.endSilent(LIMIT_MS, LIMIT_MS);
  assert.deepEqual([silent.destroyed, heard.destroyed, answered.destroyed], [true, false, false]);
  handshakes.endSilent(LIMIT_MS, 2 * LIMIT_MS);
  assert.equal(handshakes.count, 0);
});

test('one that is done is looked at no more', () => {
  const { server, handshakes, begin } = setScene();
  const socket = begin();
  handshakes.endSilent(LIMIT_MS, 0);
  server.emit('secureConnection', { _parent: socket });
  handshakes.endSilent(LIMIT_MS, LIMIT_MS);
  assert.deepEqual([handshakes.count, socket.destroyed], [0, false]);
});

test('those that failed do not gather', () => {
  const { handshakes, begin } = setScene();
  const open = begin();
  for (let count = 0; count < 1000; count += 1) begin().destroy();
  assert.deepEqual([handshakes.count, open.destroyed], [1, false]);
});
