import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import type { RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { addressOf } from '../intake/fixtures/server-address.test.kit.js';
import { next } from '../intake/fixtures/next-event.test.kit.js';
import { WebSockets } from './web-sockets.js';

const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const GOING_AWAY = '\x88\x02\x03\xe9';

interface Scene {
  server: Server;
  webSockets: WebSockets;
  client: RawClient;
  /** The server's end of the connection. */
  socket: Socket;
}

/** A server with a client that has asked for an upgrade. */
async function setScene(t: TestContext, protocol = 'websocket'): Promise<Scene> {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const webSockets = new WebSockets(server);
  const upgrade = next<[unknown, Socket]>(server, 'upgrade');
  const client = await connectRaw(t, addressOf(server).port);
  client.send(`GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
  const [, socket] = await upgrade;
  t.after(() => socket.destroy());
  return { server, webSockets, client, socket };
}

void describe('a WebSocket', () => {
  void it('is told of its end between two frames, and nothing follows', async (t) => {
    const { webSockets, client, socket } = await setScene(t);
    socket.write(ANSWER);
    // The half of a frame.
    socket.write(Buffer.from('\x82\x04ab', 'latin1'));
    webSockets.closeAll(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(Buffer.from('cd', 'latin1'));
    const written = new Promise((resolve) => socket.write(Buffer.from('\x81\x01x', 'latin1'), resolve));
    assert.equal(await written, null);
    await client.until(/\xe9$/);
    assert.equal(client.text, `${ANSWER}\x82\x04abcd${GOING_AWAY}`);
    // Its client does not answer.
    await once(socket, 'finish');
    assert.equal(client.text, `${ANSWER}\x82\x04abcd${GOING_AWAY}`);
  });

  void it('that its server ends itself is not told once more', async (t) => {
    const { webSockets, client, socket } = await setScene(t);
    socket.write(ANSWER);
    socket.write(Buffer.from('\x88\x02\x03\xe8', 'latin1'));
    webSockets.closeAll(0);
    await client.until(/\xe8$/);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.end();
    await client.closed;
    assert.equal(client.text, `${ANSWER}\x88\x02\x03\xe8`);
  });

  void it('that comes during the drain is told, too; another protocol is left alone', async (t) => {
    const { server, webSockets, client, socket } = await setScene(t, 'other');
    socket.write(ANSWER);
    webSockets.closeAll(200);
    const upgrade = next<[unknown, Socket]>(server, 'upgrade');
    const late = await connectRaw(t, addressOf(server).port);
    late.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n');
    const [, other] = await upgrade;
    t.after(() => other.destroy());
    other.write(ANSWER);
    await late.until(/\xe9$/);
    assert.equal(client.text, ANSWER);
  });
});

/** A server of HTTP/2 with a client that has asked for a stream with this protocol; the app's end of it. */
async function setStream(
  t: TestContext,
  protocol: string,
): Promise<{ webSockets: WebSockets; client: ClientHttp2Stream; stream: ServerHttp2Stream }> {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const webSockets = new WebSockets(server);
  const opened = next<[ServerHttp2Stream]>(server, 'stream');
  const session = connect(`http://127.0.0.1:${addressOf(server).port}`);
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  const client = session.request(
    { ':method': 'CONNECT', ':protocol': protocol, ':path': '/', ':scheme': 'http' },
    { endStream: false },
  );
  const [stream] = await opened;
  return { webSockets, client, stream };
}

void describe('a WebSocket over HTTP/2', () => {
  void it('is told of its end between two frames, and its stream ends', async (t) => {
    const { webSockets, client, stream } = await setStream(t, 'websocket');
    stream.respond({ ':status': 200 });
    let text = '';
    client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    stream.write(Buffer.from('\x82\x04ab', 'latin1'));
    webSockets.closeAll(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stream.write(Buffer.from('cd', 'latin1'));
    const written = new Promise((resolve) => stream.write(Buffer.from('\x81\x01x', 'latin1'), resolve));
    assert.equal(await written, null);
    await once(client, 'end');
    assert.equal(text, `\x82\x04abcd${GOING_AWAY}`);
  });

  for (const [what, protocol, status] of [
    ['another protocol', 'other', 200],
    ['a refused one', 'websocket', 403],
  ] as const) {
    void it(`is not among those that are told: ${what}`, async (t) => {
      const { webSockets, client, stream } = await setStream(t, protocol);
      stream.respond({ ':status': status });
      let text = '';
      client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      webSockets.closeAll(0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      stream.end('text');
      await once(client, 'end');
      assert.equal(text, 'text');
    });
  }
});

void it('a server without a listener for upgrades is left as it is, also when the last one goes', async (t) => {
  const server = createServer();
  t.after(() => server.close());
  const sockets = new WebSockets(server);
  assert.equal(server.listenerCount('upgrade'), 0);
  const listener = (): void => undefined;
  server.on('upgrade', listener);
  assert.equal(server.listenerCount('upgrade'), 2);
  server.off('upgrade', listener);
  assert.equal(server.listenerCount('upgrade'), 0);
  server.once('upgrade', listener);
  server.emit('upgrade', { headers: {} });
  assert.equal(server.listenerCount('upgrade'), 0);
  sockets.closeAll(0);
});
