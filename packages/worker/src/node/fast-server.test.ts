import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { describe, it } from 'node:test';
import { connect } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { acceptFor, serve } from '../intake/fixtures/serving.test.kit.js';
import { createSecureFront } from '../intake/secure-front.js';
import { takeRequest, watchHeads, withEvents } from './request-heads.js';

setFlagsFromString('--allow-natives-syntax');
// https://github.com/v8/v8/blob/main/src/runtime/runtime.h: whether it has a hidden class, not a dictionary.
const isFast: (object: object) => boolean = runInThisContext('(object) => %HasFastProperties(object)');

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

void describe('the properties of a server, some fifteen of which every request reads', () => {
  void it('can be told from a dictionary', () => {
    const server: object = createServer();
    assert.equal(isFast(server), true);
    Reflect.deleteProperty(server, 'timeout');
    assert.equal(isFast(server), false);
  });

  void it('stay fast when it is adopted', async (t) => {
    const server = createServer((_request, response) => response.end());
    const { port } = await serve(t, 'adopted', server);
    const client = await connectRaw(t, port);
    client.socket.write(GET);
    await once(client.socket, 'data');
    assert.equal(isFast(server), true);
  });

  void it('stay fast on both sides of TLS', async (t) => {
    const server = createServer((_request, response) => response.end());
    const { port, adopted } = await serve(t, 'adopted', server);
    const front = createSecureFront(server, [await selfSigned('a.test')]);
    const securePort = await acceptFor((handle, head) => front.inject(handle, head), 'bytes');
    const clear = await connectRaw(t, port);
    clear.socket.write(GET);
    await once(clear.socket, 'data');
    const secure = connect({ port: securePort, host: '127.0.0.1', rejectUnauthorized: false });
    t.after(() => secure.destroy());
    secure.write(GET);
    await once(secure, 'data');
    assert.equal(adopted?.connectionCount(), 2);
    assert.deepEqual([isFast(server), isFast(front.tls)], [true, true]);
  });

  void it('stay fast when a request is answered in the place of its listeners, and when one is taken out', async (t) => {
    const server: Server = createServer((_request, response) => response.end());
    const { port } = await serve(t, 'adopted', server);
    let count = 0;
    const taken = new Promise<Buffer>((resolve) => {
      server.on('connection', (socket) => {
        watchHeads(socket, (request, proceed) => {
          count += 1;
          if (count === 3) return takeRequest(server, request, resolve);
          return withEvents(server, () => false, proceed);
        });
      });
    });
    const client = await connectRaw(t, port);
    for (let index = 0; index < 2; index += 1) {
      client.socket.write(GET);
      await once(client.socket, 'data');
    }
    client.socket.write(`${GET}rest`);
    assert.equal((await taken).toString(), 'rest');
    assert.equal(isFast(server), true);
  });
});
