import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { NativeHandle } from '@vhostd/transport';
import { ImmediateReader } from './read-now.js';
import { readRaw } from './raw-accept.js';

/** A connection: the client, and the server's handle, which nobody reads. */
async function connected(t: TestContext): Promise<{ client: Socket; handle: NativeHandle }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const accepted = once(server, 'connection');
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  t.after(() => client.destroy());
  const [socket] = (await accepted) as [Socket];
  const handle: NativeHandle = Reflect.get(socket, '_handle');
  Reflect.set(socket, '_handle', null);
  socket.destroy();
  t.after(() => handle.close());
  return { client, handle };
}

/** What the reader finds first; it is asked until there is something, which loopback delivers soon. */
async function firstOf(reader: ImmediateReader, handle: NativeHandle): Promise<string> {
  for (;;) {
    const result = reader.read(handle);
    if (result !== 'nothing') return result.toString('latin1');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('ImmediateReader', () => {
  it('finds nothing on a connection that has sent nothing, and leaves it readable', async (t) => {
    const { client, handle } = await connected(t);
    assert.equal(new ImmediateReader().read(handle), 'nothing');
    const read = new Promise<string>((resolve) => {
      readRaw(
        handle,
        (chunk) => {
          resolve(chunk.toString('latin1'));
          return false;
        },
        () => resolve('end'),
      );
    });
    client.write('late');
    assert.equal(await read, 'late');
  });

  it('gives the bytes that have come, each of them once, and leaves those behind them to the event loop', async (t) => {
    const { client, handle } = await connected(t);
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 251));
    client.end(bytes);
    let got = await firstOf(new ImmediateReader(), handle);
    await new Promise<void>((resolve) => {
      readRaw(
        handle,
        (chunk) => {
          got += chunk.toString('latin1');
          return true;
        },
        resolve,
      );
    });
    assert.equal(got, bytes.toString('latin1'));
  });

  it('tells the end of a connection whose client has left', async (t) => {
    const { client, handle } = await connected(t);
    client.end();
    assert.equal(await firstOf(new ImmediateReader(), handle), 'end');
  });

  it('tells the end of a connection that was reset', async (t) => {
    const { client, handle } = await connected(t);
    client.resetAndDestroy();
    assert.equal(await firstOf(new ImmediateReader(), handle), 'end');
  });

  it('gives up trying while it finds nothing, and begins again when it would find something', async (t) => {
    const reader = new ImmediateReader();
    const silent = await connected(t);
    for (let count = 0; count < 100; count += 1) assert.equal(reader.read(silent.handle), 'nothing');
    const { client, handle } = await connected(t);
    client.write('x');
    await firstOf(new ImmediateReader(), handle);
    client.write('y');
    assert.equal(await firstOf(reader, handle), 'y');
  });

  it('leaves a handle without a descriptor alone', async (t) => {
    const { handle } = await connected(t);
    assert.equal(new ImmediateReader().read({ ...handle, fd: -1 }), 'nothing');
  });

  it('leaves the depth of stack traces as it was', async (t) => {
    const { handle } = await connected(t);
    const { stackTraceLimit } = Error;
    new ImmediateReader().read(handle);
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
  });
});
