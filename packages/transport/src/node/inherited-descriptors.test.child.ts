// Forks itself, and starts a program, and tells where their descriptors lead.
import { fork } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { spawnUntrusted } from '../link/spawn-untrusted.js';
import { forkWithExtras } from './fork-with-pipe.js';
import { inheritedDescriptors } from './inherited-descriptors.js';

function leadsTo(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return 'nowhere';
  }
}

if (process.argv[2] === 'forked') {
  process.send?.(readdirSync('/proc/self/fd').map((fd) => leadsTo(Number(fd))));
  process.disconnect();
} else {
  const { child, pipes } = forkWithExtras(
    () =>
      fork(fileURLToPath(import.meta.url), ['forked'], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    ['pipe'],
  );
  const list = 'for fd in /proc/self/fd/*; do readlink "$fd"; done; exit 0';
  const { stdout } = spawnUntrusted('sh', ['-c', list], { cwd: '/', env: process.env });
  const tell = async (forked: unknown): Promise<void> => {
    const spawned = (await text(stdout)).trim().split('\n');
    console.log(JSON.stringify({ inherited: inheritedDescriptors().map(leadsTo), forked, spawned }));
    for (const pipe of pipes) pipe.close();
  };
  child.once('message', (forked) => void tell(forked));
}
