import assert from 'node:assert/strict';
import { createSecureServer, createServer } from 'node:http2';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { serve } from '../intake/fixtures/serving.test.kit.js';
import { FrameClient, FrameType } from './frame-client.test.kit.js';
import { endWhenStalled } from './stalled-session.js';

/** A client that has reset so many streams that its session is looked at. */
async function resetting(t: TestContext, secure: boolean, answerMs: number): Promise<FrameClient> {
  const server = secure ? createSecureServer(await selfSigned('a.test')) : createServer();
  server.on('session', (session) => endWhenStalled(session, { resetCount: 3, quietMs: 5, answerMs }));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path'] === '/held') return;
    stream.respond({ ':status': 200 });
    stream.end();
  });
  const { port } = await serve(t, 'adopted', server, 'nothing');
  const client = await FrameClient.open(t, port, secure);
  for (const id of [1, 3, 5]) {
    client.request(id, '/held');
    client.cancel(id);
  }
  return client;
}

for (const secure of [false, true]) {
  void describe(`a client that has reset many streams${secure ? ' over TLS' : ''}`, () => {
    void it('is asked whether it is there, and goes on when it answers', async (t) => {
      const client = await resetting(t, secure, 60_000);
      client.answer(await client.next(FrameType.ping));
      client.request(7, '/');
      assert.equal((await client.next(FrameType.headers)).streamId, 7);
    });

    void it('is ended when it does not', async (t) => {
      const client = await resetting(t, secure, 5);
      await client.closed;
    });
  });
}
