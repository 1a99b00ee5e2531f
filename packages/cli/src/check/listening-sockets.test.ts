import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { it } from 'node:test';
import { listeningSockets, ownerOf, parseTable } from './listening-sockets.js';

void it('a table of the kernel is read: only what listens, with its address', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0',
    '   1: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1',
    '   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4713 1 0',
    '',
  ].join('\n');
  assert.deepEqual(parseTable(table), [
    { address: '127.0.0.1', port: 8080, inode: '4711' },
    { address: '::1', port: 80, inode: '4713' },
  ]);
});

void it(
  'a socket of this process is found, with who has it',
  { skip: process.platform !== 'linux' },
  async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const found = listeningSockets()?.find((socket) => socket.port === port);
    assert.equal(found?.address, '127.0.0.1');
    assert.equal(ownerOf(found)?.pid, process.pid);
    server.close();
  },
);
