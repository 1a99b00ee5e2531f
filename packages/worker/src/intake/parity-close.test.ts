// Counting and closing: a listening and an adopted server end in the same way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { RawClient } from './fixtures/raw-client.test.kit.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import type { Mode } from './fixtures/serving.test.kit.js';
import { MODES, serve } from './fixtures/serving.test.kit.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

/** One connection whose request is not answered yet, and one that is idle after its answer. */
interface Scene {
  server: Server;
  busy: RawClient;
  idle: RawClient;
  pending: ServerResponse;
  port: number;
}

async function setScene(t: TestContext, mode: Mode): Promise<Scene> {
  let pending: ServerResponse | undefined;
  const server = createServer((request, response) => {
    if (request.url === '/slow') pending = response;
    else response.end('done');
  });
  const { port } = await serve(t, mode, server);
  const [busy, idle] = [await connectRaw(t, port), await connectRaw(t, port)];
  const requested = once(server, 'request');
  busy.send(GET.replace('/', '/slow'));
  await requested;
  idle.send(GET);
  await idle.until(/done$/);
  assert.ok(pending);
  return { server, busy, idle, pending, port };
}

for (const mode of MODES) {
  void describe(`closing a server that is ${mode}`, () => {
    void it('close waits for the request in flight, ends idle connections and calls back', async (t) => {
      const { server, busy, idle, pending } = await setScene(t, mode);
      let closed = false;
      const closing = new Promise<Error | undefined>((resolve) => {
        server.close((error) => {
          closed = true;
          resolve(error);
        });
      });
      assert.equal(server.listening, false);
      assert.equal(server.address(), null);
      await idle.closed;
      assert.equal(closed, false);
      pending.end('slow answer');
      await busy.until(/slow answer$/);
      busy.socket.destroy();
      assert.equal(await closing, undefined);
    });

    void it('close on a closed server calls back with ERR_SERVER_NOT_RUNNING', async (t) => {
      const server = createServer();
      await serve(t, mode, server);
      await promisify(server.close.bind(server))();
      await assert.rejects(promisify(server.close.bind(server))(), { code: 'ERR_SERVER_NOT_RUNNING' });
    });

    void it('closeIdleConnections spares the request in flight', async (t) => {
      const { server, busy, idle, pending } = await setScene(t, mode);
      server.closeIdleConnections();
      await idle.closed;
      pending.end('slow answer');
      await busy.until(/slow answer$/);
    });

    void it('closeAllConnections spares nothing', async (t) => {
      const { server, busy, idle } = await setScene(t, mode);
      server.closeAllConnections();
      await Promise.all([busy.closed, idle.closed]);
      assert.equal(busy.text, '');
    });

    void it('getConnections counts the open connections', async (t) => {
      const { server, busy, pending } = await setScene(t, mode);
      const getConnections = promisify(server.getConnections.bind(server));
      assert.equal(await getConnections(), 2);
      const gone = once(pending, 'close');
      busy.socket.destroy();
      await gone;
      assert.equal(await getConnections(), 1);
      server.closeAllConnections();
      assert.equal(await getConnections(), 0);
    });

    void it('emits close when the last connection is gone', async (t) => {
      const { server } = await setScene(t, mode);
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    });
  });
}
