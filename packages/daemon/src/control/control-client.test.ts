import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { callControl } from './control-client.js';
import { ControlServer } from './control-server.js';

let directory: string;
let socketPath: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-client-'));
  socketPath = path.join(directory, 's');
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('callControl', () => {
  void it('says that no daemon is running where there is no socket', async () => {
    await assert.rejects(callControl(socketPath, 'ping', {}), { code: 'ERR_DAEMON_NOT_RUNNING' });
  });

  void it('gives up when the daemon is silent for too long', async () => {
    const peer = await listen(() => {});
    await assert.rejects(callControl(socketPath, 'ping', {}, { timeoutMs: 20 }), {
      code: 'ERR_CONTROL_TIMEOUT',
      info: { method: 'ping', timeoutMs: 20 },
    });
    peer.close();
  });

  void it('starts the time anew with each progress line', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    let peerSocket: net.Socket | undefined;
    const peer = await listen((socket) => {
      peerSocket = socket;
      socket.write('{"id":1,"progress":1}\n');
    });
    const answer = callControl(
      socketPath,
      'ping',
      {},
      {
        timeoutMs: 100,
        onProgress(value) {
          test.mock.timers.tick(99);
          peerSocket?.write(value === 1 ? '{"id":1,"progress":2}\n' : '{"id":1,"result":"done"}\n');
        },
      },
    );
    assert.equal(await answer, 'done');
    peer.close();
  });

  void it('rejects with what onProgress throws', async () => {
    const peer = await listen((socket) => socket.write('{"id":1,"progress":1}\n'));
    const call = callControl(
      socketPath,
      'ping',
      {},
      {
        onProgress: () => {
          throw new Error('no thanks');
        },
      },
    );
    await assert.rejects(call, /no thanks/u);
    peer.close();
  });

  void it('says that the connection was lost when the daemon closes without an answer', async () => {
    const peer = await listen((socket) => socket.end('{"id":1,"progress":1}\n{"id":1,"res'));
    await assert.rejects(callControl(socketPath, 'reload', {}), {
      code: 'ERR_CONTROL_LOST',
      message:
        'the daemon closed the connection before it answered reload; it may go on all the same, as vhostd status tells',
    });
    await assert.rejects(callControl(socketPath, 'status', {}), {
      code: 'ERR_CONTROL_LOST',
      message: 'the daemon closed the connection before it answered status',
    });
    peer.close();
  });

  void it('takes nothing for an answer that is none', async () => {
    for (const line of [
      'HTTP/1.1 400 Bad Request\r\n',
      '{"id":2,"result":1}\n',
      '{"id":1}\n',
      '[]\n',
      '{"id":null,"result":1}\n',
    ]) {
      const peer = await listen((socket) => socket.write(line));
      await assert.rejects(callControl(socketPath, 'ping', {}), { code: 'ERR_CONTROL_ANSWER' }, line);
      peer.close();
      await once(peer, 'close');
    }
  });

  void it(
    'is denied to another user',
    { skip: process.getuid?.() === 0 ? false : 'needs root to become another user' },
    async () => {
      const server = new ControlServer();
      await server.listen(socketPath);
      chmodSync(directory, 0o755);
      // The directory is open on purpose, so that it is the socket's own mode that denies.
      const client = new URL('control-client.js', import.meta.url).href;
      const script = `import { callControl } from ${JSON.stringify(client)};
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      await callControl(${JSON.stringify(socketPath)}, 'ping', {}).catch((error) => console.log(error.code));`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk) => (output += String(chunk)));
      await once(child, 'close');
      assert.equal(output, 'ERR_CONTROL_DENIED\n');
      await server.close();
    },
  );
});

async function listen(onRequest: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => onRequest(socket));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return server;
}
