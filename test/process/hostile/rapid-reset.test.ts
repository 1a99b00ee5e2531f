// Clients that begin streams of HTTP/2, reset them at once, and leave: nothing of them stays in the worker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectSecure } from 'node:tls';
import { selfSigned } from '../../kit/certificate.js';
import { descriptorCount, residentBytes } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const CONNECTIONS = 8;
const STREAMS = 4000;
const PLACE = { port: 0, ipaddress: '127.0.0.1' };
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const END_OF_STREAM_AND_HEADERS = 5;
const CANCEL = 8;

const WAYS: { way: 'tcp' | 'ssl'; site: () => Promise<Partial<SiteOptions>> }[] = [
  {
    way: 'tcp',
    site: () => Promise.resolve({ listen: [PLACE], workerOptions: { env: { HTTP2: '1' } } }),
  },
  {
    way: 'ssl',
    site: async () => ({
      listen: [{ type: 'ssl', host: 'a.test', ...PLACE, ...(await selfSigned('a.test')) }],
      workerOptions: { env: { TLS: 'http2' } },
    }),
  },
];

for (const { way, site } of WAYS) {
  test(`streams that are reset as fast as they begin leave nothing behind (${way})`, async (t) => {
    const vhostd = await startVhostd(t, { sites: [{ siteId: 'a', ...(await site()) }, { siteId: 'b' }] });
    const port = (await vhostd.status()).listeners.find((listener) => listener.type === way)?.port ?? 0;
    const pid = (await vhostd.workers('a'))[0]?.pid ?? 0;
    const before = descriptorCount(pid);
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(way, port)));
    for (const socket of sockets) socket.write(Buffer.concat([PREFACE, ...resets(STREAMS)]));
    // Its first answers: it is in the middle of them.
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    for (const socket of sockets) socket.destroy();
    await until('the worker has their descriptors no more', () => ({
      done: descriptorCount(pid) <= before,
      value: descriptorCount(pid),
    }));
    t.diagnostic(`${CONNECTIONS * STREAMS} streams; the worker has ${residentBytes(pid) >> 20} MB`);
    const [worker] =
      (await vhostd.until('they are counted out', ({ sites: [a] }) => a?.workers[0]?.connections === 0))
        .sites[0]?.workers ?? [];
    assert.equal(worker?.pid, pid);
  });
}

async function open(way: 'tcp' | 'ssl', port: number): Promise<Socket> {
  const place = { port, host: '127.0.0.1' };
  const socket =
    way === 'tcp'
      ? connect(place)
      : connectSecure({ ...place, servername: 'a.test', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, way === 'tcp' ? 'connect' : 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

function resets(count: number): Buffer[] {
  const cancel = Buffer.alloc(4);
  cancel.writeUInt32BE(CANCEL);
  return Array.from({ length: count }, (_, index) => 2 * index + 1).flatMap((id) => [
    frame(HEADERS, END_OF_STREAM_AND_HEADERS, id, REQUEST),
    frame(RST_STREAM, 0, id, cancel),
  ]);
}

/** RFC 9113 4.1. */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** `GET http://a.test/` in HPACK: the static entries 2, 6, 4, and a literal of entry 1 (RFC 7541). */
const REQUEST = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x01, 6]), Buffer.from('a.test')]);
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(SETTINGS, 0, 0, Buffer.alloc(0)),
]);
