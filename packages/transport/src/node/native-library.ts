// The libraries through which system calls are made that Node has no function for: node:ffi (from Node 26.1 on) or the
// optional package koffi.
// Checked on Node 20.20, 22.23, 24.21 and 26.10 with koffi 3.3; link/self-test.test.ts fails where one of them changes.
import { lstatSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Memory at a fixed place, and its address. */
export interface Memory {
  view: DataView;
  base: bigint;
}

/** Addresses are numbers of 64 bits; what is negative failed, with errno behind it. */
export interface SystemCalls {
  recvmsg(fd: number, message: bigint, flags: number): number | bigint;
  getsockopt(fd: number, level: number, name: number, value: bigint, length: bigint): number;
  setsockopt(fd: number, level: number, name: number, value: bigint, length: number): number;
  shutdown(fd: number, how: number): number;
  mkfifo(path: bigint, mode: number): number;
  fcntl(fd: number, command: number, value: number): number;
  poll(entries: bigint, count: bigint, timeoutMs: number): number;
  waitpid(pid: number, status: bigint, options: number): number;
  socket(family: number, type: number, protocol: number): number;
  prctl(option: number, value: number): number;
  sendmsg(fd: number, message: bigint, flags: number): number | bigint;
  recv(fd: number, bytes: bigint, length: number, flags: number): number | bigint;
  accept4(fd: number, address: bigint, length: bigint, flags: number): number;
  socketpair(family: number, type: number, protocol: number, fds: bigint): number;
}

/** System calls, and memory at a fixed place for what they read and write. */
export interface Library extends Memory {
  name: 'node:ffi' | 'koffi';
  calls: SystemCalls;
  errno(): number;
  /** More memory, which lives as long as this process. */
  allocate(bytes: number): Memory;
}

/** The first library that loads, with so much memory; undefined where none does. */
export function loadLibrary(memoryBytes: number): Library | undefined {
  // Node 20 and 22 leave a package's link unresolved while the last file that was looked at is a socket.
  lstatSync('/');
  return (
    attempt((require) => fromNode(require, memoryBytes)) ??
    attempt((require) => fromKoffi(require, memoryBytes))
  );
}

function attempt(from: (require: NodeJS.Require) => Library): Library | undefined {
  try {
    return from(createRequire(import.meta.url));
  } catch {
    return undefined;
  }
}

interface NodeFfi {
  dlopen(
    path: string | null,
    functions: Record<string, { arguments: string[]; return: string }>,
  ): { functions: Record<string, (...args: unknown[]) => number | bigint> };
  getRawPointer(memory: ArrayBuffer): bigint;
  getInt32(address: number | bigint, offset: number): number;
}

function fromNode(require: NodeJS.Require, memoryBytes: number): Library {
  const { dlopen, getRawPointer, getInt32 } = withoutWarning(() => require('node:ffi') as NodeFfi);
  const allocate = (bytes: number): Memory => {
    const memory = new ArrayBuffer(bytes);
    return { view: new DataView(memory), base: getRawPointer(memory) };
  };
  const [int, unsigned, pointer] = ['i32', 'u32', 'pointer'];
  const { functions } = dlopen(null, {
    recvmsg: { arguments: [int, pointer, int], return: 'i64' },
    getsockopt: { arguments: [int, int, int, pointer, pointer], return: int },
    setsockopt: { arguments: [int, int, int, pointer, unsigned], return: int },
    shutdown: { arguments: [int, int], return: int },
    mkfifo: { arguments: [pointer, unsigned], return: int },
    fcntl: { arguments: [int, int, int], return: int },
    poll: { arguments: [pointer, 'u64', int], return: int },
    waitpid: { arguments: [int, pointer, int], return: int },
    socket: { arguments: [int, int, int], return: int },
    prctl: { arguments: [int, 'u64'], return: int },
    sendmsg: { arguments: [int, pointer, int], return: 'i64' },
    recv: { arguments: [int, pointer, 'u64', int], return: 'i64' },
    accept4: { arguments: [int, pointer, pointer, int], return: int },
    socketpair: { arguments: [int, int, int, pointer], return: int },
    __errno_location: { arguments: [], return: pointer },
  });
  return {
    name: 'node:ffi',
    ...allocate(memoryBytes),
    allocate,
    calls: functions as unknown as SystemCalls,
    errno: () => getInt32(functions['__errno_location']?.() ?? 0, 0),
  };
}

interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number | bigint };
  alloc(type: string, length: number): unknown;
  address(pointer: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
  errno(): number;
}

function fromKoffi(require: NodeJS.Require, memoryBytes: number): Library {
  const koffi = koffiOf(require);
  const library = koffi.load(null);
  const allocate = (bytes: number): Memory => {
    const memory = koffi.alloc('char', bytes);
    return { view: new DataView(koffi.view(memory, bytes)), base: koffi.address(memory) };
  };
  const calls = {
    recvmsg: library.func('intptr recvmsg(int, size_t, int)'),
    getsockopt: library.func('int getsockopt(int, int, int, size_t, size_t)'),
    setsockopt: library.func('int setsockopt(int, int, int, size_t, uint)'),
    shutdown: library.func('int shutdown(int, int)'),
    mkfifo: library.func('int mkfifo(size_t, uint)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    poll: library.func('int poll(size_t, uint64, int)'),
    waitpid: library.func('int waitpid(int, size_t, int)'),
    socket: library.func('int socket(int, int, int)'),
    prctl: library.func('int prctl(int, uint64)'),
    sendmsg: library.func('intptr sendmsg(int, size_t, int)'),
    recv: library.func('intptr recv(int, size_t, size_t, int)'),
    accept4: library.func('int accept4(int, size_t, size_t, int)'),
    socketpair: library.func('int socketpair(int, int, int, size_t)'),
  };
  return {
    name: 'koffi',
    ...allocate(memoryBytes),
    allocate,
    calls: calls as unknown as SystemCalls,
    errno: () => koffi.errno(),
  };
}

/** It is an optional package of this one; what is bundled into another package finds it only by way of here. */
function koffiOf(require: NodeJS.Require): Koffi {
  try {
    return require('koffi') as Koffi;
  } catch {
    return createRequire(require.resolve('@vhostd/transport'))('koffi') as Koffi;
  }
}

/** The warning that node:ffi is experimental is of no use to an operator: it is tested at start, and can be missing. */
function withoutWarning<T>(work: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}
