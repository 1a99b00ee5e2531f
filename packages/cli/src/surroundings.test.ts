import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DaemonClient } from '@vhostd/daemon/client';
import { Workspace } from './cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

const SERVER = "require('node:http').createServer((_, response) => response.end('one')).listen(1);";
const onLinux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };

void describe('a daemon in odd surroundings', () => {
  void it(
    'runs with the variable of a node:cluster worker, and keeps those of the init system',
    onLinux,
    async () => {
      workspace.write('a/server.cjs', SERVER);
      workspace.conf([{ siteId: 'a', port: 0 }]);
      const own = {
        NOTIFY_SOCKET: '/nowhere',
        WATCHDOG_USEC: '9',
        WATCHDOG_PID: '1',
        LISTEN_FDS: '0',
        LISTEN_PID: '1',
        VHOSTD_DAEMON_START: 'x',
      };
      Object.assign(process.env, own, { NODE_UNIQUE_ID: '1' });
      try {
        await workspace.daemon();
      } finally {
        for (const name of [...Object.keys(own), 'NODE_UNIQUE_ID']) delete process.env[name];
      }
      const { master, sites } = await new DaemonClient(workspace.runDir).status();
      for (const pid of [master?.pid, sites[0]?.workers[0]?.pid]) {
        const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .map((variable) => variable.split('=')[0]);
        assert.deepEqual(
          names.filter((name = '') => name in own),
          [],
        );
      }
    },
  );

  void it('is not stopped by a terminal, and opens no inspector on SIGUSR1', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const daemon = await workspace.daemon();
    const client = new DaemonClient(workspace.runDir);
    const { master } = await client.status();
    for (const signal of ['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGUSR1'] as const) daemon.process.kill(signal);
    process.kill(master?.pid ?? 0, 'SIGUSR1');
    await daemon.says('"event":"order.done","order":"POST /logs/reopen"', 'stderr');
    assert.equal((await client.status()).daemon.pid, daemon.process.pid);
    assert.equal(await isOpen(9229), false);
  });

  void it('puts back a control socket and a PID file that were removed', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const daemon = await workspace.daemon();
    const files = ['control.sock', 'daemon.pid'].map((name) => path.join(workspace.runDir, name));
    for (const file of files) rmSync(file);
    for (const file of files) await daemon.says(`"event":"run-dir.restored","file":"${file}"`, 'stderr');
    assert.deepEqual(files.map(existsSync), [true, true]);
    assert.equal((await new DaemonClient(workspace.runDir).status()).daemon.pid, daemon.process.pid);
  });

  void it('starts the next master, and the next daemon, when its working directory has vanished', async () => {
    workspace.write('a/server.cjs', SERVER);
    const conf = workspace.conf([{ siteId: 'a', port: 0 }]);
    const cwd = path.join(workspace.directory, 'vanishing');
    mkdirSync(cwd);
    const daemon = workspace.startIn(cwd, 'run', '--config', conf);
    await daemon.says('vhostd ready\n');
    rmSync(cwd, { recursive: true });
    const client = new DaemonClient(workspace.runDir);
    const first = await client.status();
    process.kill(first.master?.pid ?? 0, 'SIGKILL');
    let status = first;
    while (status.sites[0]?.state !== 'running' || status.master?.pid === first.master?.pid)
      status = await client.status();
    const dead = once(daemon.process, 'exit');
    daemon.process.kill('SIGKILL');
    await dead;
    while (status.daemon.pid === first.daemon.pid) status = await client.status().catch(() => status);
    assert.equal(status.sites[0]?.state, 'running');
    await client.stop();
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
