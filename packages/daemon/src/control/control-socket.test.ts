import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requestControl } from './control-client.js';
import { ControlServer } from './control-server.js';

let directory: string;
let socketPath: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-socket-'));
  socketPath = path.join(directory, 's');
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('the socket file', () => {
  void it('has mode 0600 whatever the umask is, and leaves the umask as it was', async () => {
    const umask = process.umask(0o000);
    try {
      await using served = await serve();
      assert.ok(served);
      assert.equal(statSync(socketPath).mode & 0o7777, 0o600);
      assert.equal(process.umask(), 0o000);
    } finally {
      process.umask(umask);
    }
  });

  void it('is replaced after its owner was killed', async () => {
    const holder = fork(fileURLToPath(new URL('control-socket.test.child.js', import.meta.url)), [
      socketPath,
    ]);
    await once(holder, 'message');
    assert.equal(await requestControl(socketPath, PID), holder.pid);
    const second = new ControlServer(pid);
    await assert.rejects(second.listen(socketPath), { code: 'ERR_CONTROL_IN_USE' });

    const dead = once(holder, 'exit');
    holder.kill('SIGKILL');
    await dead;
    assert.ok(statSync(socketPath).isSocket(), 'the file stays');
    await assert.rejects(requestControl(socketPath, PID), { code: 'ERR_DAEMON_NOT_RUNNING' });
    await using served = await serve();
    assert.ok(served);
    assert.equal(await requestControl(socketPath, PID), process.pid);
  });

  void it('is not taken for stale if it is no socket', async () => {
    writeFileSync(socketPath, 'precious');
    await assert.rejects(new ControlServer(pid).listen(socketPath), { code: 'ERR_CONTROL_PATH' });
    assert.equal(statSync(socketPath).size, 8);
  });

  void it('may have a path of 107 bytes and no more', async () => {
    socketPath = path.join(directory, 'x'.repeat(107 - Buffer.byteLength(directory) - 1));
    const long = `${socketPath}x`;
    await using served = await serve();
    assert.ok(served);
    assert.equal(await requestControl(socketPath, PID), process.pid);
    await assert.rejects(new ControlServer(pid).listen(long), { code: 'ERR_CONTROL_PATH' });
    await assert.rejects(requestControl(long, PID), { code: 'ERR_CONTROL_PATH' });
  });

  void it('gives ERR_CONTROL_LISTEN where there is no directory', async () => {
    await assert.rejects(new ControlServer(pid).listen(path.join(directory, 'none', 's')), {
      code: 'ERR_CONTROL_LISTEN',
    });
  });
});

const PID = { method: 'GET', path: '/pid' };

async function pid(): Promise<number> {
  return process.pid;
}

async function serve(): Promise<AsyncDisposable> {
  const server = new ControlServer(pid);
  await server.listen(socketPath);
  return { [Symbol.asyncDispose]: () => server.close({ graceMs: 0 }) };
}
