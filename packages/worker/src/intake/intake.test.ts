import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { CONNECTION_HEADER_BYTES, FrameKind } from '@vhostd/protocol';
import type { Frame, Link, NativeHandle } from '@vhostd/protocol';
import { adoptServer } from './adopt-server.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import { addressOf } from './fixtures/server-address.test.kit.js';
import { Intake } from './intake.js';

const HEAD = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';

/** A link that writes down the confirmations that are sent over it. */
function recordingLink(events: string[]): Link {
  return {
    type: 'pipe',
    queuedBytes: 0,
    open: true,
    maxPayloadBytes: 4 << 20,
    send: (kind, payload) => {
      const bytes = Buffer.from(payload, 'latin1');
      if (kind === FrameKind.accepted) {
        events.push(`accepted up to ${bytes.readUInt32BE(0)}, ${bytes.readUInt32BE(4)} open`);
      }
      if (kind === FrameKind.lost) events.push(`lost ${bytes.readUInt32BE(0)}`);
      return true;
    },
    start: () => undefined,
    close: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
  };
}

/** Connects some clients; returns the unread server sides of their connections. */
async function connections(
  t: TestContext,
  count: number,
): Promise<{ handles: NativeHandle[]; text: Promise<string>[] }> {
  const acceptor = createTcp({ pauseOnConnect: true });
  acceptor.listen(0, '127.0.0.1');
  t.after(() => acceptor.close());
  await once(acceptor, 'listening');
  const handles: NativeHandle[] = [];
  const text: Promise<string>[] = [];
  for (let index = 0; index < count; index += 1) {
    const accepted = once(acceptor, 'connection');
    const client = await connectRaw(t, addressOf(acceptor).port);
    const [socket] = (await accepted) as [Socket];
    handles.push(Reflect.get(socket, '_handle'));
    Reflect.set(socket, '_handle', null);
    socket.destroy();
    text.push(client.closed.then(() => client.text));
  }
  return { handles, text };
}

function frameOf(id: number, handle: NativeHandle | undefined): Frame {
  const header = Buffer.alloc(CONNECTION_HEADER_BYTES);
  header.writeUInt32BE(id, 0);
  const payload = Buffer.concat([header, Buffer.from(HEAD, 'latin1')]);
  return { kind: FrameKind.connection, payload, handle, handleLost: handle === undefined };
}

describe('Intake', () => {
  it('confirms the connections of a turn together, before the site sees any of them', async (t) => {
    const events: string[] = [];
    const intake = new Intake(recordingLink(events));
    const server = createServer((_request, response) => {
      events.push('request');
      response.end('served');
    });
    server.on('connection', () => events.push('connection'));
    t.after(() => server.close());
    intake.setServer(adoptServer(server, { address: { address: '::', port: 80, family: 'IPv6' } }));
    const { handles, text } = await connections(t, 2);
    for (const [index, handle] of handles.entries()) intake.receive(frameOf(index + 1, handle));
    assert.deepEqual(events, []);
    for (const answer of await Promise.all(text)) assert.match(answer, /served$/);
    assert.deepEqual(events.slice(0, 5), [
      'accepted up to 2, 2 open',
      'connection',
      'connection',
      'request',
      'request',
    ]);
  });

  it('names a connection that came without its descriptor before it confirms the others', async (t) => {
    const events: string[] = [];
    const intake = new Intake(recordingLink(events));
    const server = createServer((_request, response) => void response.end('served'));
    t.after(() => server.close());
    intake.setServer(adoptServer(server, { address: { address: '::', port: 80, family: 'IPv6' } }));
    const { handles, text } = await connections(t, 1);
    intake.receive(frameOf(1, undefined));
    intake.receive(frameOf(2, handles[0]));
    assert.match((await text[0]) ?? '', /served$/);
    assert.deepEqual(events.slice(0, 2), ['lost 1', 'accepted up to 2, 1 open']);
  });
});
