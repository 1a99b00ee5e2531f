import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { Server, Socket } from 'node:net';
import { after, afterEach, describe, it } from 'node:test';
import { packSocket, unpackSocket } from './socket-passenger.js';

const opened: (Socket | Server | http.Server)[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) {
    if (one instanceof net.Socket) one.destroy();
    else one.close();
  }
});
after(() => assert.equal(opened.length, 0));

void describe('packSocket', () => {
  void it('takes along what was read and not consumed, and leaves the rest in the kernel', async () => {
    const { client, accepted } = await connection();
    client.write('first ');
    await once(accepted, 'readable');
    const first = accepted.read(2) as Buffer;
    assert.equal(first.toString(), 'fi');
    const { passenger, head } = packSocket(accepted);
    assert.equal(head, 'rst ');
    assert.equal(accepted.destroyed, true);
    client.write('second');
    const arrived = unpackSocket(passenger.handle, head);
    opened.push(arrived);
    assert.equal(await readUntil(arrived, 10), 'rst second');
    arrived.end('answer');
    assert.equal(await textOf(client), 'answer');
  });

  void it('loses no byte when it is decided on within a data event', async () => {
    const { client, accepted } = await connection();
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const arrived = new Promise<Socket>((resolve) => {
      accepted.once('data', (chunk: Buffer) => {
        accepted.unshift(chunk);
        const { passenger, head } = packSocket(accepted);
        assert.equal(head, chunk.toString('latin1'));
        // A turn of the event loop later more has come; it must still be in the kernel.
        setImmediate(() => resolve(unpackSocket(passenger.handle, head)));
      });
    });
    client.end(sent);
    const socket = await arrived;
    opened.push(socket);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).equals(sent));
  });

  void it('lets the server that accepted it close, without the client noticing', async () => {
    const { client, accepted, server } = await connection();
    client.write('x');
    await once(accepted, 'readable');
    const { passenger, head } = packSocket(accepted);
    server.close();
    await once(server, 'close');
    const arrived = unpackSocket(passenger.handle, head);
    opened.push(arrived);
    assert.equal(await readUntil(arrived, 1), 'x');
    arrived.end('still here');
    assert.equal(await textOf(client), 'still here');
  });

  void it('keeps a client that has ended half open', async () => {
    const { client, accepted } = await connection();
    client.end('all');
    await once(accepted, 'readable');
    const { passenger, head } = packSocket(accepted);
    const arrived = unpackSocket(passenger.handle, head);
    opened.push(arrived);
    assert.equal(await textOf(arrived), 'all');
    arrived.end('a late answer');
    assert.equal(await textOf(client), 'a late answer');
  });

  void it('closes the descriptor once, however often it is released', async () => {
    const { client, accepted } = await connection();
    const { passenger } = packSocket(accepted);
    passenger.release();
    passenger.release();
    await once(client.resume(), 'end');
  });

  void it('refuses a socket that is closed, and one that decodes what it reads', async () => {
    const { accepted } = await connection();
    accepted.setEncoding('utf8');
    assert.throws(() => packSocket(accepted), { code: 'ERR_CALL_SOCKET', message: /setEncoding/ });
    accepted.destroy();
    assert.throws(() => packSocket(accepted), { code: 'ERR_CALL_SOCKET', message: /closed/ });
    assert.throws(() => packSocket(new net.Socket()), { code: 'ERR_CALL_SOCKET' });
  });

  void it('refuses a socket with unsent bytes and leaves it as it is', async () => {
    const { client, accepted } = await connection();
    client.pause();
    const bytes = Buffer.alloc(16 << 20, 1);
    accepted.write(bytes);
    assert.throws(() => packSocket(accepted), { code: 'ERR_CALL_SOCKET', message: /not sent yet/ });
    accepted.end();
    assert.equal((await bytesOf(client)).length, bytes.length);
  });

  void it('refuses a socket that an HTTP server reads from, and takes it once it was upgraded', async () => {
    const server = http.createServer();
    const port = await listen(server);
    const accepting = once(server, 'connection') as Promise<[Socket]>;
    const upgrading = once(server, 'upgrade') as Promise<[http.IncomingMessage, Socket, Buffer]>;
    const client = net.connect(port, '127.0.0.1');
    opened.push(client);
    const [fresh] = await accepting;
    assert.throws(() => packSocket(fresh), { code: 'ERR_CALL_SOCKET', message: /HTTP server/ });
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nbehind the head');
    const [, socket, head] = await upgrading;
    socket.unshift(head);
    const { passenger, head: packed } = packSocket(socket);
    const arrived = unpackSocket(passenger.handle, packed);
    opened.push(arrived);
    assert.equal(await readUntil(arrived, 15), 'behind the head');
  });
});

void describe('unpackSocket', () => {
  void it('reads nothing before somebody wants it', async () => {
    const { client, accepted } = await connection();
    const { passenger } = packSocket(accepted);
    const arrived = unpackSocket(passenger.handle, '');
    opened.push(arrived);
    await new Promise<void>((resolve) => client.write('x', () => resolve()));
    // Another connection that is served meanwhile proves that the event loop had its chance.
    const other = await connection();
    other.client.write('y');
    await once(other.accepted, 'readable');
    assert.equal(arrived.bytesRead, 0);
    assert.equal(await readUntil(arrived, 1), 'x');
  });

  void it('gives a socket that an HTTP server takes for a connection of its own', async () => {
    const server = http.createServer((request, response) => {
      response.setHeader('connection', 'close');
      request.setEncoding('utf8');
      let body = '';
      request.on('data', (chunk: string) => (body += chunk));
      request.on('end', () => response.end(`${request.url} ${body}`));
    });
    const { client, accepted } = await connection();
    client.write('POST /path HTTP/1.1\r\nHost: a\r\nContent-Le');
    await once(accepted, 'readable');
    const { passenger, head } = packSocket(accepted);
    assert.match(head, /Content-Le$/);
    server.emit('connection', unpackSocket(passenger.handle, head));
    client.write('ngth: 4\r\n\r\nbody');
    assert.match(await textOf(client), /\r\n\r\n.*\/path body/s);
  });
});

async function connection(): Promise<{ client: Socket; accepted: Socket; server: Server }> {
  const server = net.createServer({ allowHalfOpen: true });
  const port = await listen(server);
  const accepting = once(server, 'connection') as Promise<[Socket]>;
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  opened.push(client);
  await once(client, 'connect');
  const [accepted] = await accepting;
  opened.push(accepted);
  return { client, accepted, server };
}

async function listen(server: Server | http.Server): Promise<number> {
  opened.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** The next `byteCount` bytes as text; more is a failure. */
function readUntil(socket: Socket, byteCount: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.length === byteCount) resolve(text);
      if (text.length > byteCount) reject(new Error(`read ${JSON.stringify(text)}`));
    });
    socket.once('end', () => reject(new Error(`ended after ${JSON.stringify(text)}`)));
  });
}

async function bytesOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket.resume(), 'end');
  return Buffer.concat(chunks);
}

async function textOf(socket: Socket): Promise<string> {
  return (await bytesOf(socket)).toString('latin1');
}
