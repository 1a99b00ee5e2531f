// A site whose code sends the master descriptors of every kind, over each of the descriptors that it was given, in
// numbers and with sockets that linger. Each path is one attack; the answer comes before it.
import { createRequire } from 'node:module';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import worker from '@vhostd/worker';

/** Where it can be sent: printed, on Node's channel, on the link, with the frames, beside them. */
const OVER: Record<string, number> = { stdout: 1, channel: 3, link: 4, data: 5, claims: 6, returns: 7 };
const KIND_HAND_BACK = 4;
const KIND_MESSAGE = 5;
const OPEN_PIDFD = 434;
const SET_UP_RING = 425;

interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number | bigint };
  alloc(type: string, length: number): unknown;
  address(pointer: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
}
const transport = createRequire(fileURLToPath(import.meta.resolve('@vhostd/worker'))).resolve(
  '@vhostd/transport',
);
const koffi = createRequire(transport)('koffi') as Koffi;
const libc = koffi.load(null);
const sendmsg = libc.func('intptr sendmsg(int, size_t, int)');
const socket = libc.func('int socket(int, int, int)');
const eventfd = libc.func('int eventfd(uint, int)');
const epoll = libc.func('int epoll_create1(int)');
const memfd = libc.func('int memfd_create(const char *, uint)');
const setsockopt = libc.func('int setsockopt(int, int, int, size_t, uint)');
const listen = libc.func('int listen(int, int)');
const syscall = libc.func('long syscall(long, long, size_t, long)');
const pair = libc.func('int socketpair(int, int, int, size_t)');
const timerfd = libc.func('int timerfd_create(int, int)');
const inotify = libc.func('int inotify_init1(int)');
const memory = koffi.alloc('char', 4096);
const view = new DataView(koffi.view(memory, 4096));
const base = koffi.address(memory);

const KINDS: Record<string, () => number> = {
  file: () => openSync('/etc/hostname', 'r'),
  null: () => openSync('/dev/null', 'r+'),
  directory: () => openSync('/', 'r'),
  path: () => openSync('/etc/hostname', 0o10000000),
  terminal: () => openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY),
  memory: () => Number(memfd('m', 0)),
  eventfd: () => Number(eventfd(0, 0)),
  epoll: () => Number(epoll(0)),
  netlink: () => Number(socket(16, 3, 0)),
  'unix datagram': () => Number(socket(1, 2, 0)),
  'unix stream': () => Number(socket(1, 1, 0)),
  udp: () => Number(socket(2, 2, 0)),
  timer: () => Number(timerfd(1, 0)),
  inotify: () => Number(inotify(0)),
  process: () => Number(syscall(OPEN_PIDFD, process.pid, 0, 0)),
  ring: () => {
    // Its parameters, all zero.
    new Uint8Array(koffi.view(memory, 4096)).fill(0, 3000, 3200);
    return Number(syscall(SET_UP_RING, 4, base + 3000n, 0));
  },
  'unix with one in it': () => {
    pair(1, 1, 0, base + 3000n);
    const [sender, receiver] = [view.getInt32(3000, true), view.getInt32(3004, true)];
    send(sender, [openSync('/dev/null', 'r+')]);
    closeSync(sender);
    return receiver;
  },
  'tcp that listens': () => {
    const fd = Number(socket(2, 1, 0));
    listen(fd, 5);
    return fd;
  },
};

/** One message with these descriptors; what sendmsg returned. */
function send(over: number, fds: readonly number[], bytes = [0, 0, 0, 1]): number {
  const control = 16 + fds.length * 4;
  view.setBigUint64(0, 0n, true);
  view.setBigUint64(8, 0n, true);
  view.setBigUint64(16, base + 64n, true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, base + 128n, true);
  view.setBigUint64(40, BigInt(control), true);
  view.setBigUint64(48, 0n, true);
  view.setBigUint64(64, base + 96n, true);
  view.setBigUint64(72, BigInt(bytes.length), true);
  bytes.forEach((byte, index) => view.setUint8(96 + index, byte));
  view.setBigUint64(128, BigInt(control), true);
  view.setInt32(136, 1, true);
  view.setInt32(140, 1, true);
  fds.forEach((fd, index) => view.setInt32(144 + index * 4, fd, true));
  return Number(sendmsg(over, base, 0x4040));
}

/** The frame that says that a descriptor has been sent. */
function ring(kind = KIND_HAND_BACK, count = 1): void {
  const frame = Buffer.from([0, 0, 0, 6, kind, 1, 0, 0, 0, 1, 0, 0]);
  try {
    writeSync(OVER['data'] ?? 0, Buffer.concat(Array.from({ length: count }, () => frame)));
  } catch {
    // The master has had enough.
  }
}

/** The descriptor of a connection, which waits for an hour when it is closed with bytes that nobody reads. */
function lingering(connection: Socket): number {
  const handle = Reflect.get(connection, '_handle') as { fd: number };
  connection.write(Buffer.alloc(16 << 20));
  view.setInt32(2048, 1, true);
  view.setInt32(2052, 3600, true);
  setsockopt(handle.fd, 1, 13, base + 2048n, 8);
  return handle.fd;
}

function attack(path: string, connection: Socket): void {
  const [what = '', over = '', detail = ''] = path.split('/');
  const fd = OVER[over] ?? -1;
  if (what === 'kind') {
    const sent = KINDS[detail]?.() ?? -1;
    for (let count = 0; count < 20; count += 1) send(fd, [sent]);
    if (over === 'returns') ring();
    closeSync(sent);
  } else if (what === 'many') {
    const sent = Array.from({ length: 60 }, () => Number(eventfd(0, 0)));
    for (let count = 0; count < 400; count += 1) send(fd, sent);
    if (over === 'returns') ring(KIND_MESSAGE, 400);
    sent.forEach((each) => closeSync(each));
  } else if (what === 'linger') {
    send(fd, [lingering(connection)]);
    if (over === 'returns') ring();
    if (detail === 'die') process.kill(process.pid, 'SIGKILL');
    // The master's is the last one then.
    connection.destroy();
  } else if (what === 'hold') {
    // Another process that goes on holding all that this one was given.
    const stdio = ['ignore', 'ignore', 'ignore', 3, 4, 5, 6, 7] as const;
    spawn('sleep', ['30'], { detached: true, stdio: [...stdio] }).unref();
  }
}

worker.server = createServer((request, response) => {
  response.end(`${process.pid}`);
  response.once('finish', () => {
    setImmediate(attack, decodeURIComponent(request.url ?? '').slice(1), request.socket);
  });
});
