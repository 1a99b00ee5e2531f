import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { requestControl } from './control-client.js';
import { ControlServer } from './control-server.js';

let directory: string;
let socketPath: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-client-'));
  socketPath = path.join(directory, 's');
});
afterEach(() => rmSync(directory, { recursive: true }));

const STATUS = { method: 'GET', path: '/status' };
const RELOAD = { method: 'POST', path: '/reload' };
const HEAD = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

void describe('requestControl', () => {
  void it('says that no daemon is running where there is no socket', async () => {
    await assert.rejects(requestControl(socketPath, STATUS), { code: 'ERR_DAEMON_NOT_RUNNING' });
  });

  void it('gives up when the daemon is silent for too long', async () => {
    const peer = await listen(() => {});
    await assert.rejects(requestControl(socketPath, { ...STATUS, timeoutMs: 20 }), {
      code: 'ERR_CONTROL_TIMEOUT',
      info: { request: 'GET /status', timeoutMs: 20 },
    });
    peer.close();
  });

  void it('starts the time anew with each line, also an empty one', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    let peerSocket: net.Socket | undefined;
    const peer = await listen((socket) => {
      peerSocket = socket;
      socket.write(HEAD + chunk('\n{"progress":1}\n'));
    });
    const answer = requestControl(socketPath, {
      ...STATUS,
      timeoutMs: 100,
      onProgress(value) {
        test.mock.timers.tick(99);
        peerSocket?.write(chunk(value === 1 ? '{"progress":2}\n' : '{"result":"done"}\n'));
      },
    });
    assert.equal(await answer, 'done');
    peer.close();
  });

  void it('rejects with what onProgress throws', async () => {
    const peer = await listen((socket) => socket.write(HEAD + chunk('{"progress":1}\n')));
    const onProgress = (): void => {
      throw new Error('no thanks');
    };
    await assert.rejects(requestControl(socketPath, { ...STATUS, onProgress }), /no thanks/u);
    peer.close();
  });

  void it('says that the connection was lost when the daemon closes without an answer', async () => {
    const peer = await listen((socket) => socket.end(`${HEAD}${chunk('{"progress":1}\n')}0\r\n\r\n`));
    await assert.rejects(requestControl(socketPath, RELOAD), {
      code: 'ERR_CONTROL_LOST',
      message:
        'the daemon closed the connection before it answered POST /reload; it may go on all the same, as vhostd status tells',
    });
    await assert.rejects(requestControl(socketPath, STATUS), {
      code: 'ERR_CONTROL_LOST',
      message: 'the daemon closed the connection before it answered GET /status',
    });
    peer.close();
  });

  void it('takes nothing for an answer that is invalid', async () => {
    for (const text of [
      '{"id":1,"result":1}\n',
      `${HEAD}${chunk('{"id":1}\n')}`,
      `${HEAD}${chunk('[]\n')}`,
      `${HEAD}${chunk('null\n')}`,
      `${HEAD}${chunk('{"result"\n')}`,
      `${HEAD}${chunk('{"result":1}')}0\r\n\r\n`,
    ]) {
      const peer = await listen((socket) => socket.write(text));
      await assert.rejects(requestControl(socketPath, STATUS), { code: 'ERR_CONTROL_ANSWER' }, text);
      peer.close();
      await once(peer, 'close');
    }
  });

  void it(
    'is denied to another user',
    { skip: process.getuid?.() === 0 ? false : 'needs root to become another user' },
    async () => {
      const server = new ControlServer(async () => 'pong');
      await server.listen(socketPath);
      chmodSync(directory, 0o755);
      // The directory is open on purpose, so that it is the socket's own mode that denies.
      const client = new URL('control-client.js', import.meta.url).href;
      const script = `import { requestControl } from ${JSON.stringify(client)};
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      await requestControl(${JSON.stringify(socketPath)}, { method: 'GET', path: '/' }).catch((error) => console.log(error.code));`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (data) => (output += String(data)));
      await once(child, 'close');
      assert.equal(output, 'ERR_CONTROL_DENIED\n');
      await server.close();
    },
  );
});

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

async function listen(onRequest: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => onRequest(socket));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return server;
}
