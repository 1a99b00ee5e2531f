// What a server makes of the bytes that were read from a connection before it got it: the same as of bytes that it
// reads itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { next } from './fixtures/next-event.test.kit.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import { MODES, serve } from './fixtures/serving.test.kit.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A frame of HTTP/2 (RFC 9113 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const SETTINGS = frame(4, 0, 0);
/** GET / of a.test, in indexed fields of the static table (RFC 7541). */
const FIELDS = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 6]), Buffer.from('a.test')]);
const END_STREAM = 1;
const END_HEADERS = 4;
const CANCEL = Buffer.from([0, 0, 0, 8]);

function request(stream: number, more = false): Buffer {
  return frame(1, END_HEADERS | (more ? 0 : END_STREAM), stream, FIELDS);
}

/** Waits until what a server sends has these frame types. */
async function frameTypes(client: { text: string; socket: Socket }, wanted: number): Promise<number[]> {
  for (;;) {
    const bytes = Buffer.from(client.text, 'latin1');
    const types: number[] = [];
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
      types.push(bytes.readUInt8(at + 3));
    if (types.includes(wanted)) return types;
    await once(client.socket, 'data');
  }
}

/** Rejects with what is thrown in no one's care while the test runs. */
function watchUncaught(t: TestContext): { errors: unknown[] } {
  const errors: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const watch = (error: unknown): void => void errors.push(error);
  process.on('uncaughtException', watch);
  t.after(() => {
    process.off('uncaughtException', watch);
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  return { errors };
}

for (const mode of MODES) {
  void describe(`what was read before, to a server that is ${mode}`, () => {
    void it('shows a stream of HTTP/2 before the frames behind it, a cancelled one too', async (t) => {
      const { errors } = watchUncaught(t);
      const server = createHttp2();
      const seen: string[] = [];
      server.on('stream', (stream: ServerHttp2Stream) => {
        seen.push(`stream ${stream.id} destroyed ${stream.destroyed} closed ${stream.closed}`);
        stream.on('error', () => undefined);
        stream.once('close', () => seen.push(`close ${stream.id} ${stream.rstCode}`));
        stream.respond({ ':status': 200 });
        stream.end('answer');
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const client = await connectRaw(t, port);
      client.send(
        Buffer.concat([
          Buffer.from(PREFACE),
          SETTINGS,
          request(1),
          frame(3, 0, 1, CANCEL),
          request(3),
          request(5, true),
          frame(0, END_STREAM, 5, Buffer.from('body')),
        ]),
      );
      await frameTypes(client, 0);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        seen.filter((line) => line.startsWith('stream')),
        [1, 3, 5].map((id) => `stream ${id} destroyed false closed false`),
      );
    });

    void it('lets a stream of HTTP/2 send early hints', async (t) => {
      const { errors } = watchUncaught(t);
      const server = createHttp2((_request: Http2ServerRequest, response: Http2ServerResponse) => {
        response.writeEarlyHints({ link: '</a.css>; rel=preload' });
        response.end('answer');
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const client = await connectRaw(t, port);
      client.send(Buffer.concat([Buffer.from(PREFACE), SETTINGS, request(1)]));
      const types = await frameTypes(client, 0);
      assert.deepEqual(errors, []);
      assert.equal(types.filter((type) => type === 1).length, 2);
    });

    void it('may end a session of HTTP/2 at once', async (t) => {
      const { errors } = watchUncaught(t);
      const server = createHttp2();
      server.on('session', (session: ServerHttp2Session) => session.destroy());
      const { port } = await serve(t, mode, server, 'bytes');
      const client = await connectRaw(t, port);
      client.send(Buffer.concat([Buffer.from(PREFACE), SETTINGS, request(1)]));
      await client.closed;
      assert.deepEqual(errors, []);
    });

    void it('leaves a body unread where its request is paused and answered', async (t) => {
      const seen: unknown[] = [];
      let body = '';
      const server = createServer((incoming, response) => {
        incoming.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        incoming.pause();
        response.end('answer');
        response.once('finish', () => {
          seen.push(incoming.listenerCount('data'), body);
          setImmediate(() => {
            seen.push(incoming.listenerCount('data'), incoming.readableFlowing, body);
            incoming.resume();
            incoming.once('end', () => seen.push('end', body));
          });
        });
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const client = await connectRaw(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody');
      await client.until(/answer$/);
      await client.closed;
      assert.deepEqual(seen, [1, '', 1, false, '', 'end', 'body']);
    });

    void it('is followed by all that its client sends while the server waits for its answers to be read', async (t) => {
      // Two reads and the peek, each of which makes more answers than a connection holds.
      const requestCount = 6000;
      const answer = Buffer.alloc(16_384, 'a');
      let answered = 0;
      const server = createServer((_request, response) => {
        answered += 1;
        response.end(answer);
      });
      const { port } = await serve(t, mode, server, 'bytes');
      const socket = connect(port, '127.0.0.1');
      t.after(() => socket.destroy());
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(requestCount - 1));
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
      let byteCount = 0;
      socket.on('data', (chunk: Buffer) => {
        byteCount += chunk.length;
      });
      await once(socket, 'end');
      assert.equal(answered, requestCount);
      assert.ok(byteCount > requestCount * answer.length);
    });

    void it('counts as read from the connection', async (t) => {
      const server = createServer((incoming, response) => response.end(String(incoming.socket.bytesRead)));
      const { port } = await serve(t, mode, server);
      const client = await connectRaw(t, port);
      const head = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
      client.send(head);
      assert.match(await client.until(/\d$/), new RegExp(`\\r\\n\\r\\n${head.length}$`));
      client.send(head);
      await client.until(new RegExp(`${head.length * 2}$`));
    });

    void it('reaches the server when its connection has been announced, in a turn of its own', async (t) => {
      const seen: string[] = [];
      const server = createServer((_request, response) => {
        seen.push('request');
        response.end('answer');
      });
      server.on('connection', (socket: Socket) => {
        seen.push('connection');
        process.nextTick(() => seen.push('tick'));
        void Promise.resolve().then(() => seen.push('microtask'));
        socket.on('data', () => seen.push('data'));
      });
      const { port } = await serve(t, mode, server);
      const requested = next(server, 'request');
      const client = await connectRaw(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await requested;
      await client.until(/answer$/);
      assert.deepEqual(seen.slice(0, 4), ['connection', 'tick', 'microtask', 'request']);
    });
  });
}
