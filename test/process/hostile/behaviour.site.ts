// A site of another user whose worker uses what the system lets it do to what it was given and to whom it sees. Each
// path is one deed, whose outcome is the answer.
import { createRequire } from 'node:module';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import worker from '@vhostd/worker';

interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number | bigint };
}
const transport = createRequire(fileURLToPath(import.meta.resolve('@vhostd/worker'))).resolve(
  '@vhostd/transport',
);
const libc = (createRequire(transport)('koffi') as Koffi).load(null);
const fcntl = libc.func('int fcntl(int, int, int)');
const ptrace = libc.func('long ptrace(long, int, size_t, size_t)');
const prlimit = libc.func('int prlimit(int, int, size_t, size_t)');
const affinity = libc.func('int sched_setaffinity(int, size_t, const uint64_t *)');
const shutdown = libc.func('int shutdown(int, int)');
const dup = libc.func('int dup(int)');
const syscall = libc.func('long syscall(long, int, int, int)');

/** What it was given: output, Node's channel, link, data, claims, returns. */
const GIVEN = [1, 2, 3, 4, 5, 6, 7];
const SET_PIPE_SIZE = 1031;
const SET_FLAGS = 4;
const SET_LEASE = 1024;
const WRITE_LEASE = 1;
const ATTACH = 16;
const SEIZE = 0x4206;
const GET_PIDFD = 438;
const OPEN_PIDFD = 434;

/** Which of these it may do to a process: none, where that is somebody else's. */
function reach(pid: number): string[] {
  const deeds: Record<string, () => unknown> = {
    'signal 0': () => process.kill(pid, 0),
    stop: () => pid !== process.pid && process.kill(pid, 'SIGSTOP'),
    memory: () => openSync(`/proc/${pid}/mem`, 'r+'),
    environment: () => readFileSync(`/proc/${pid}/environ`),
    descriptors: () => openSync(`/proc/${pid}/fd/0`, 'r'),
    directory: () => openSync(`/proc/${pid}/cwd/.`, 'r'),
    root: () => openSync(`/proc/${pid}/root/etc/shadow`, 'r'),
    oom: () => writeSync(openSync(`/proc/${pid}/oom_score_adj`, 'w'), '1000'),
    priority: () => setPriority(pid, 19),
    attach: () => works(ptrace(ATTACH, pid, 0, 0)),
    seize: () => works(ptrace(SEIZE, pid, 0, 0)),
    limits: () => works(prlimit(pid, 7, 0, 0)),
    affinity: () => works(affinity(pid, 8, [1n])),
    'a copy of a descriptor': () => works(syscall(GET_PIDFD, Number(syscall(OPEN_PIDFD, pid, 0, 0)), 4, 0)),
  };
  return Object.entries(deeds).flatMap(([name, deed]) => {
    try {
      deed();
      return [name];
    } catch {
      return [];
    }
  });
}

function works(status: number | bigint): void {
  if (Number(status) === -1) throw new Error('refused');
}

/** Opens again what it was given for one way only, the other way round. */
function reopen(): string[] {
  return GIVEN.flatMap((fd) =>
    ['r', 'w'].flatMap((flags) => {
      try {
        closeSync(openSync(`/proc/self/fd/${fd}`, flags));
        return [`${fd} ${flags}`];
      } catch {
        return [];
      }
    }),
  );
}

const DEEDS: Record<string, (detail: string) => unknown> = {
  reach: (pid) => reach(Number(pid)),
  reopen,
  lease: (file) => {
    process.on('SIGIO', () => undefined);
    return Number(fcntl(openSync(file, 'r+'), SET_LEASE, WRITE_LEASE));
  },
  'small pipes': () => GIVEN.map((fd) => Number(fcntl(fd, SET_PIPE_SIZE, 4096))),
  'write everywhere': () => {
    for (const fd of [3, 4, 7]) {
      try {
        for (let count = 0; count < 1000; count += 1) writeSync(fd, Buffer.alloc(4096, '{"cmd":"NODE_x"}\n'));
      } catch {
        // Nobody reads there.
      }
    }
  },
  'take all numbers': () => {
    try {
      for (;;) readSync(6, Buffer.alloc(8));
    } catch {
      // None is left.
    }
  },
  'shut down': () => [3, 4, 7].map((fd) => Number(shutdown(fd, 2))),
  close: () => void GIVEN.forEach((fd) => closeSync(fd)),
  stand: () => process.kill(process.pid, 'SIGSTOP'),
  processes: () => {
    for (let count = 0; count < 50; count += 1)
      spawn('sleep', ['600'], { stdio: [0, 1, 2, 3, 4, 5, 6, 7] }).on('error', () => undefined);
  },
};

/** Keeps a copy of a connection, whoever else has it, and has it block: read(2) and write(2) of all who do wait. */
function makeBlock(socket: Socket): void {
  const { fd } = Reflect.get(socket, '_handle') as { fd: number };
  const copy = Number(dup(fd));
  setInterval(() => fcntl(copy, SET_FLAGS, 0), 1);
}

worker.server = createServer((request, response) => {
  if (request.url === '/block') makeBlock(request.socket);
  const { searchParams, pathname } = new URL(request.url ?? '/', 'http://a.test');
  const deed = DEEDS[decodeURIComponent(pathname).slice(1)];
  const detail = searchParams.get('detail') ?? '';
  if (searchParams.has('before')) response.end(JSON.stringify(deed?.(detail) ?? null));
  else response.end('null', () => setImmediate(() => deed?.(detail)));
});
