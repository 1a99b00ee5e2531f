import assert from 'node:assert/strict';
import { createSecureServer, createServer } from 'node:http2';
import type { Http2SecureServer, Http2Server, ServerHttp2Stream } from 'node:http2';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { serve } from '../intake/fixtures/serving.test.kit.js';
import { FrameClient, FrameType, LAST_STREAM_ID } from './frame-client.test.kit.js';
import { Http2Sessions } from './http2-sessions.js';

interface Scene {
  sessions: Http2Sessions;
  client: FrameClient;
  /** The paths that the site has seen. */
  seen: string[];
  /** Answers what the site holds back. */
  answerAll(): void;
}

/** Limits that no test reaches. */
const LONG = { quietMs: 0, turnCount: 0, turnsMs: 60_000, holdMs: 60_000, stallMs: 60_000, answerMs: 60_000 };

/** A site that answers at once, but for /slow. */
async function setScene(
  t: TestContext,
  { secure = false, draining = false, limits = LONG } = {},
): Promise<Scene> {
  const server: Http2Server | Http2SecureServer = secure
    ? createSecureServer(await selfSigned('a.test'))
    : createServer();
  const slow: ServerHttp2Stream[] = [];
  const seen: string[] = [];
  server.on('stream', (stream, headers) => {
    seen.push(headers[':path'] ?? '');
    if (headers[':path'] === '/slow') slow.push(stream);
    else answer(stream);
  });
  const sessions = new Http2Sessions(server, limits);
  const { port } = await serve(t, 'adopted', server, 'nothing');
  if (draining) sessions.closeAll();
  const client = await FrameClient.open(t, port, secure);
  return { sessions, client, seen, answerAll: () => slow.splice(0).forEach(answer) };
}

function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 });
  stream.end();
}

/** Asks for /slow on stream 1 and lets the drain begin when the site has it. */
async function setBusyScene(
  t: TestContext,
  options: { secure?: boolean; limits?: typeof LONG } = {},
): Promise<Scene> {
  const scene = await setScene(t, options);
  scene.client.request(1, '/slow');
  while (scene.seen.length === 0) await new Promise(setImmediate);
  scene.sessions.closeAll();
  return scene;
}

void describe('the end of an HTTP/2 session in clear', () => {
  void it('serves a stream that begins between the notice and the GOAWAY that counts', async (t) => {
    const { client, seen, answerAll } = await setBusyScene(t);
    for (let count = 0; count < 2; count += 1) client.answer(await client.next(FrameType.ping));
    assert.equal(await client.goaway(), LAST_STREAM_ID);
    const ping = await client.next(FrameType.ping);
    client.request(3, '/between');
    client.answer(ping);
    assert.equal(await client.goaway(), 3);
    answerAll();
    await client.closed;
    assert.deepEqual(seen, ['/slow', '/between']);
    assert.deepEqual(client.answered, [1, 3]);
    assert.ok(client.frames.every(({ type }) => type !== FrameType.rstStream));
  });

  void it('is told at once to a client that answers no PING in time', async (t) => {
    const { client, answerAll } = await setBusyScene(t, { limits: { ...LONG, stallMs: 1 } });
    // Whether a PING goes out within the limit is up to the machine.
    assert.equal(await client.goaway(), 1);
    answerAll();
    await client.closed;
    assert.deepEqual(client.answered, [1]);
  });

  void it('does not wait for a client that falls silent behind the notice', async (t) => {
    const { client, answerAll } = await setBusyScene(t, { limits: { ...LONG, answerMs: 1 } });
    for (let count = 0; count < 2; count += 1) client.answer(await client.next(FrameType.ping));
    assert.equal(await client.goaway(), LAST_STREAM_ID);
    assert.equal(await client.goaway(), 1);
    answerAll();
    await client.closed;
  });
});

for (const secure of [false, true]) {
  void describe(`the streams of an HTTP/2 session ${secure ? 'over TLS' : 'in clear'}`, () => {
    void it('are held until none is on its way, and answered behind', async (t) => {
      const { client, seen, answerAll } = await setBusyScene(t, { secure });
      const ping = await client.next(FrameType.ping);
      client.request(3, '/held');
      client.answer(ping);
      // A stream has come in this round trip, so that it takes two more.
      for (let count = 0; count < 2; count += 1) {
        const another = await client.next(FrameType.ping);
        assert.deepEqual(seen, ['/slow']);
        client.answer(another);
      }
      if (!secure) {
        assert.equal(await client.goaway(), LAST_STREAM_ID);
        client.answer(await client.next(FrameType.ping));
      }
      assert.equal(await client.goaway(), 3);
      answerAll();
      await client.closed;
      assert.deepEqual(client.answered, [1, 3]);
    });

    void it('do not reach the site when their client gives them up meanwhile', async (t) => {
      const { client, seen, answerAll } = await setBusyScene(t, { secure });
      await client.next(FrameType.ping);
      client.request(3, '/given-up');
      client.cancel(3);
      client.answerPings();
      if (!secure) assert.equal(await client.goaway(), LAST_STREAM_ID);
      assert.equal(await client.goaway(), 3);
      answerAll();
      await client.closed;
      assert.deepEqual([seen, client.answered], [['/slow'], [1]]);
    });
  });
}

void it('over TLS it takes as many answers to PINGs as a client may need turns, unless they take long', async (t) => {
  const outcome = async (turnCount: number, turnsMs: number): Promise<number> => {
    const { client, answerAll } = await setBusyScene(t, {
      secure: true,
      limits: { ...LONG, turnCount, turnsMs },
    });
    client.answerPings();
    assert.equal(await client.goaway(), 1);
    answerAll();
    await client.closed;
    return client.frames.filter(({ type }) => type === FrameType.ping).length;
  };
  assert.deepEqual([await outcome(0, 60_000), await outcome(6, 60_000), await outcome(60_000, 0)], [2, 6, 2]);
});

void describe('an HTTP/2 session that begins during a drain', () => {
  void it('has its first stream answered, and ends', async (t) => {
    const { client } = await setScene(t, { draining: true });
    client.request(1, '/first');
    client.answerPings();
    await client.closed;
    assert.deepEqual(client.answered, [1]);
  });

  void it('ends after 5 s without a stream', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { client } = await setScene(t, { draining: true });
    await client.next(FrameType.settings);
    t.mock.timers.tick(4999);
    await new Promise(setImmediate);
    assert.equal(
      client.frames.some(({ type }) => type === FrameType.goaway),
      false,
    );
    t.mock.timers.tick(1);
    await client.closed;
    assert.equal(
      client.frames.some(({ type }) => type === FrameType.goaway),
      true,
    );
  });
});
