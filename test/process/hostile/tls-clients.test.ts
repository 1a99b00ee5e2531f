// Thousands of clients that begin TLS and do not go on, or say nonsense in it, before a site that is being reloaded: a good
// client loses nothing, the reload is not held up, and the master holds no more behind it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectSecure } from 'node:tls';
import { atEnd } from '../../kit/at-end.js';
import { selfSigned } from '../../kit/certificate.js';
import { Load } from '../../kit/load.js';
import { descriptorCount, residentBytes } from '../../kit/processes.js';
import { openSecure } from '../../kit/secure-client.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const CLIENTS = 2000;
const GROWN_MAX_MB = 120;
const DESCRIPTORS_MORE = 30;
const PADDING = 21;
const SESSION_TICKET = 35;

const KINDS: Record<string, (hello: Buffer, nameless: Buffer) => Buffer[]> = {
  'half a hello': (hello) => [hello.subarray(0, hello.length >> 1)],
  'a hello and no more': (hello) => [hello],
  'a hello of 16 KB without a name': (_hello, nameless) => [withExtension(nameless, PADDING, 15_000)],
  'a hello with a ticket of 15 KB': (hello) => [withExtension(hello, SESSION_TICKET, 15_000)],
  'a hello byte by byte': (hello) => Array.from(hello, (byte) => Buffer.of(byte)),
  'nonsense in records': () => [Buffer.concat([Buffer.from('1603010200', 'hex'), Buffer.alloc(512, 0xa5)])],
};

for (const [what, make] of Object.entries(KINDS)) {
  test(`${CLIENTS} clients that say ${what}, while the site is reloaded`, async (t) => {
    const place = { type: 'ssl', port: 0, ipaddress: '127.0.0.1' };
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', listen: [{ ...place, host: 'a.test', ...(await selfSigned('a.test')) }] },
        { siteId: 'b', listen: [{ ...place, host: 'b.test', ...(await selfSigned('b.test')) }] },
      ],
    });
    const port = await vhostd.port('ssl');
    const said = make(await helloOf('a.test'), await helloOf(''));
    const good = ['a', 'b'].map(
      (siteId) =>
        new Load({
          port,
          host: `${siteId}.test`,
          connections: 'fresh',
          pauseMaxMs: 20,
          connect: (to) => openSecure(to, `${siteId}.test`),
        }),
    );
    atEnd(t, () => Promise.all(good.map((load) => load.stop())));
    await Promise.all(good.map((load) => load.progress(20)));
    const before = { descriptors: descriptorCount(vhostd.pid), bytes: residentBytes(vhostd.pid) };
    const crowd = new Crowd(port, said);
    atEnd(t, () => crowd.end());
    await until('half of them have come', () => ({ done: crowd.opened >= CLIENTS / 2, value: crowd }));
    assert.equal((await vhostd.reload('a')).sites[0]?.ok, true);
    await until('all have come', () => ({ done: crowd.opened >= CLIENTS, value: crowd }));
    assert.equal((await vhostd.reload('a')).sites[0]?.ok, true);
    const grownMb = (residentBytes(vhostd.pid) - before.bytes) >> 20;
    await Promise.all(good.map((load) => load.progress(20)));
    await Promise.all(good.map((load) => load.stop()));
    t.diagnostic(
      `${crowd.ended} were ended; the master grew by ${grownMb} MB; ${good.map(({ outcome }) => String(outcome)).join('; ')}`,
    );
    for (const { outcome } of good) outcome.assertNothingLost('a good client');
    assert.ok(grownMb < GROWN_MAX_MB, `${grownMb} MB`);
    crowd.end();
    const most = before.descriptors + DESCRIPTORS_MORE;
    await until('descriptors are what they were', () => ({
      done: descriptorCount(vhostd.pid) <= most,
      value: { before, now: descriptorCount(vhostd.pid) },
    }));
  });
}

/** What a client of TLS says first; without a name where that is empty. */
async function helloOf(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectSecure({ port, host: '127.0.0.1', servername }).on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** The same hello with another extension in front (RFC 8446, 4.1.2): each length around it grows. */
function withExtension(hello: Buffer, type: number, bytes: number): Buffer {
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const extension = Buffer.alloc(4 + bytes);
  extension.writeUInt16BE(type, 0);
  extension.writeUInt16BE(bytes, 2);
  const head = Buffer.from(hello.subarray(0, at + 2));
  head.writeUInt16BE(hello.readUInt16BE(at) + extension.length, at);
  head.writeUInt16BE(hello.readUInt16BE(3) + extension.length, 3);
  head.writeUIntBE(hello.readUIntBE(6, 3) + extension.length, 6, 3);
  return Buffer.concat([head, extension, hello.subarray(at + 2)]);
}

/** Connects again and again, and stays, having said this. */
class Crowd {
  opened = 0;
  ended = 0;
  readonly #port: number;
  readonly #said: readonly Buffer[];
  readonly #sockets = new Set<Socket>();
  #begun = 0;

  constructor(port: number, said: readonly Buffer[]) {
    this.#port = port;
    this.#said = said;
    for (let count = 0; count < AT_ONCE; count += 1) this.#open();
  }

  end(): void {
    this.#begun = CLIENTS;
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(): void {
    if (this.#begun >= CLIENTS) return;
    this.#begun += 1;
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#sockets.add(socket);
    socket.on('error', () => undefined).resume();
    socket.once('connect', () => {
      this.#say(socket, 0);
      this.opened += 1;
      this.#open();
    });
    socket.once('close', () => {
      this.ended += 1;
      this.#sockets.delete(socket);
    });
  }

  #say(socket: Socket, index: number): void {
    const bytes = this.#said[index];
    if (bytes === undefined || socket.destroyed) return;
    socket.write(bytes, () => setImmediate(() => this.#say(socket, index + 1)));
  }
}

const AT_ONCE = 50;
