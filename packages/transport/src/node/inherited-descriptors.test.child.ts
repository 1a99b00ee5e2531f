// Forks itself, and tells which of its descriptors above those that were meant lead anywhere.
import { fork } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
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
  child.once('message', (forked) => {
    console.log(JSON.stringify({ inherited: inheritedDescriptors().map(leadsTo), forked }));
    for (const pipe of pipes) pipe.close();
  });
}
