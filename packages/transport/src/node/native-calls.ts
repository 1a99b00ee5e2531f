// System calls that Node has no function for: receiving one descriptor without libuv, which aborts on kinds that it does
// not know; SO_LINGER; mkfifo; poll; a second descriptor; a datagram to a Unix socket, with a descriptor or without;
// waiting for a child that Node has not started; a signal at the parent's death.
import { closeSync } from 'node:fs';
import { BatchCalls } from './batch-calls.js';
import { loadLibrary } from './native-library.js';
import type { Library, SystemCalls } from './native-library.js';
import { getBuiltinModule } from './builtin.js';

/** What one look at the queue of descriptors came to. */
export type Received =
  /** Nothing is there. */
  | { kind: 'empty' }
  /** A TCP socket, with the number that it was sent with. It does not linger when it is closed. */
  | { kind: 'socket'; number: number; fd: number }
  /** The descriptor was lost: this process has none left. */
  | { kind: 'lost'; number: number }
  /** Something else. Its descriptors are to be disposed of, not closed here. */
  | { kind: 'refused'; fds: number[]; why: string };

/** The functions of one process. */
export interface NativeCalls {
  /** Which library makes the calls. */
  readonly library: Library['name'];
  /** Takes one message off a Unix socket that nobody else reads. */
  receive(fd: number): Received;
  /** Lets a close of this TCP socket return at once, to be called right before it; true: it would have waited. */
  disarm(fd: number): boolean;
  /** From now on nothing can be sent to this end of a Unix socket. */
  stopReceiving(fd: number): void;
  /** Another descriptor of the same file, which no child inherits; -1 where there is none left. */
  duplicate(fd: number): number;
  /** Creates a FIFO with mode 0600; returns 0 or an errno. */
  makeFifo(path: string): number;
  /** How the peers of TCP connections stand, in the order of their descriptors. Nothing is read. */
  peersOf(fds: readonly number[]): PeerStanding[];
  /**
   * Sends a datagram to a Unix socket without waiting for room in its queue. `address`: a path, or `@` before an abstract
   * name, unix(7). `passed`: a descriptor that the receiver gets a duplicate of. Returns 0 or an errno.
   */
  sendDatagram(address: string, content: string, passed?: number): number;
  /** From now on this process runs again, however it was stopped, when the one that has started it ends. */
  goOnWithoutParent(): void;
  /** Those that move connections in numbers. */
  readonly batches: BatchCalls;
  /** Takes a child that has ended off the process table. To be called for none that Node has started. */
  reap(pid: number): void;
}

/** `finished`: it will send no more, be it that it waits for an answer or has closed; `gone`: reset. */
export type PeerStanding = 'there' | 'finished' | 'gone';

/** With the value `off` no library is loaded. */
export const FFI_VARIABLE = 'VHOSTD_FFI';

let loaded: NativeCalls | null | undefined;

/** From here on there are none: they did not do what they should. */
export function forbidNativeCalls(): void {
  loaded = null;
}

/** The calls; undefined where no library loads, on another kind of machine than they are known for, or by wish. */
export function nativeCalls(): NativeCalls | undefined {
  if (loaded === undefined) loaded = load() ?? null;
  return loaded ?? undefined;
}

/** The places of what the calls read and write, in bytes from the start of the memory. */
const AT = {
  message: 0,
  vector: 64,
  number: 96,
  control: 128,
  value: 2048,
  length: 2056,
  path: 2304,
} as const;
const PATH_MAX_BYTES = 4096;
const MEMORY_BYTES: number = AT.path + PATH_MAX_BYTES;

/** Room for SCM_MAX_FD (253) descriptors: what has no room the kernel closes in this thread, which may take long. */
const CONTROL_BYTES = 16 + 253 * 4 + 4;
/** CMSG_SPACE of one descriptor. */
const CONTROL_OF_ONE_BYTES = 24n;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_TYPE = 3;
const SO_LINGER = 13;
const SO_ACCEPTCONN = 30;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const MSG_CTRUNC = 8;
const MSG_DONTWAIT_CMSG_CLOEXEC = 0x4000_0040;
const EINTR = 4;
const EAGAIN = 11;
const ENAMETOOLONG = 36;
const EMSGSIZE = 90;
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 0o2_004_002;
const MSG_NOSIGNAL = 0x4000;
/** sockaddr_un without its family, and room for a whole one, unix(7). */
const UNIX_NAME_MAX_BYTES = 107;
const UNIX_ADDRESS_BYTES = 128;
const DATAGRAM_MAX_BYTES: number = PATH_MAX_BYTES - UNIX_ADDRESS_BYTES;
const SHUT_RD = 0;
const WNOHANG = 1;
/** prctl(2) */
const PR_SET_PDEATHSIG = 1;
const F_DUPFD_CLOEXEC = 1030;
const [POLLERR, POLLHUP, POLLRDHUP] = [0x8, 0x10, 0x2000];
/** Entries of 8 bytes for which there is room. */
const POLL_MAX_COUNT: number = PATH_MAX_BYTES / 8;

function load(): NativeCalls | undefined {
  if (process.env[FFI_VARIABLE] === 'off' || process.platform !== 'linux') return undefined;
  // The layout of the structures is that of 64-bit little endian Linux.
  // All of them are little-endian.
  if (!['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) return undefined;
  const library = loadLibrary(MEMORY_BYTES);
  return library === undefined ? undefined : new Calls(library);
}

class Calls implements NativeCalls {
  readonly library: NativeCalls['library'];
  readonly #view: DataView;
  readonly #base: bigint;
  readonly #calls: SystemCalls;
  readonly #errno: () => number;
  readonly #whole: Library;
  #batches: BatchCalls | undefined;

  constructor(library: Library) {
    const { name, view, base, calls, errno } = library;
    this.#whole = library;
    this.library = name;
    this.#view = view;
    this.#base = base;
    this.#calls = calls;
    this.#errno = errno;
  }

  get batches(): BatchCalls {
    return (this.#batches ??= new BatchCalls(this.#whole));
  }

  receive(fd: number): Received {
    const view = this.#view;
    this.#set64(AT.message, 0n);
    this.#set64(AT.message + 8, 0n);
    this.#setVector(this.#at(AT.number), 4);
    this.#set64(AT.message + 32, this.#at(AT.control));
    this.#set64(AT.message + 40, BigInt(CONTROL_BYTES));
    this.#set64(AT.message + 48, 0n);
    const length = Number(this.#calls.recvmsg(fd, this.#at(AT.message), MSG_DONTWAIT_CMSG_CLOEXEC));
    if (length < 0) {
      const errno = this.#errno();
      if (errno === EINTR) return this.receive(fd);
      return errno === EAGAIN ? { kind: 'empty' } : { kind: 'refused', fds: [], why: `errno ${errno}` };
    }
    const fds = this.#descriptors();
    const truncated = (view.getInt32(AT.message + 48, true) & MSG_CTRUNC) !== 0;
    const number = view.getUint32(AT.number, false);
    if (length === 0 && fds.length === 0) return { kind: 'empty' };
    if (truncated && fds.length === 0) return { kind: 'lost', number };
    const [only] = fds;
    if (length !== 4 || fds.length !== 1 || only === undefined || truncated) {
      return { kind: 'refused', fds, why: `${length} bytes with ${fds.length} descriptors` };
    }
    if (!this.#isTcp(only)) return { kind: 'refused', fds, why: 'a descriptor that is no TCP connection' };
    this.disarm(only);
    return { kind: 'socket', number, fd: only };
  }

  disarm(fd: number): boolean {
    this.#set64(AT.value, 0n);
    this.#view.setInt32(AT.length, 8, true);
    this.#calls.getsockopt(fd, SOL_SOCKET, SO_LINGER, this.#at(AT.value), this.#at(AT.length));
    const lingers = this.#view.getInt32(AT.value, true) !== 0 && this.#view.getInt32(AT.value + 4, true) > 0;
    this.#set64(AT.value, 0n);
    this.#calls.setsockopt(fd, SOL_SOCKET, SO_LINGER, this.#at(AT.value), 8);
    return lingers;
  }

  stopReceiving(fd: number): void {
    this.#calls.shutdown(fd, SHUT_RD);
  }

  duplicate(fd: number): number {
    return this.#calls.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }

  makeFifo(path: string): number {
    const bytes = Buffer.from(path);
    if (bytes.length >= PATH_MAX_BYTES) return ENAMETOOLONG;
    this.#setBytes(AT.path, bytes);
    this.#view.setUint8(AT.path + bytes.length, 0);
    return this.#calls.mkfifo(this.#at(AT.path), 0o600) === 0 ? 0 : this.#errno();
  }

  peersOf(fds: readonly number[]): PeerStanding[] {
    const standings: PeerStanding[] = [];
    for (let from = 0; from < fds.length; from += POLL_MAX_COUNT) {
      standings.push(...this.#peersOf(fds.slice(from, from + POLL_MAX_COUNT)));
    }
    return standings;
  }

  sendDatagram(address: string, content: string, passed?: number): number {
    const name = Buffer.from(address.replace(/^@/, '\0'));
    const bytes = Buffer.from(content);
    if (name.length > UNIX_NAME_MAX_BYTES) return ENAMETOOLONG;
    if (bytes.length > DATAGRAM_MAX_BYTES) return EMSGSIZE;
    const fd = this.#calls.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
    if (fd < 0) return this.#errno();
    this.#view.setUint16(AT.path, AF_UNIX, true);
    this.#setBytes(AT.path + 2, name);
    this.#setBytes(AT.path + UNIX_ADDRESS_BYTES, bytes);
    this.#set64(AT.message, this.#at(AT.path));
    this.#set64(AT.message + 8, BigInt(2 + name.length));
    this.#setVector(this.#at(AT.path + UNIX_ADDRESS_BYTES), bytes.length);
    this.#setPassed(passed);
    const sent = this.#calls.sendmsg(fd, this.#at(AT.message), MSG_NOSIGNAL);
    const errno = sent < 0 ? this.#errno() : 0;
    closeSync(fd);
    return errno;
  }

  goOnWithoutParent(): void {
    this.#calls.prctl(PR_SET_PDEATHSIG, getBuiltinModule('node:os').constants.signals.SIGCONT);
  }

  reap(pid: number): void {
    this.#calls.waitpid(pid, this.#at(AT.value), WNOHANG);
  }

  #peersOf(fds: readonly number[]): PeerStanding[] {
    const view = this.#view;
    fds.forEach((fd, index) => {
      view.setInt32(AT.path + index * 8, fd, true);
      view.setInt16(AT.path + index * 8 + 4, POLLRDHUP, true);
      view.setInt16(AT.path + index * 8 + 6, 0, true);
    });
    this.#calls.poll(this.#at(AT.path), BigInt(fds.length), 0);
    return fds.map((_, index) => {
      const events = view.getInt16(AT.path + index * 8 + 6, true);
      if ((events & (POLLERR | POLLHUP)) !== 0) return 'gone';
      return (events & POLLRDHUP) === 0 ? 'there' : 'finished';
    });
  }

  /** The descriptors of every control message, cmsg(3). */
  #descriptors(): number[] {
    const view = this.#view;
    const fds: number[] = [];
    const end = AT.control + Number(view.getBigUint64(AT.message + 40, true));
    for (let at: number = AT.control; at + 16 <= end;) {
      const length = Number(view.getBigUint64(at, true));
      if (length < 16) break;
      if (view.getInt32(at + 8, true) === SOL_SOCKET && view.getInt32(at + 12, true) === SCM_RIGHTS) {
        for (let place = at + 16; place + 4 <= at + length; place += 4) fds.push(view.getInt32(place, true));
      }
      at += (length + 7) & ~7;
    }
    return fds;
  }

  /** The one place in memory from which the message at hand is sent, or to which it is written. */
  #setVector(at: bigint, length: number): void {
    this.#set64(AT.message + 16, this.#at(AT.vector));
    this.#set64(AT.message + 24, 1n);
    this.#set64(AT.vector, at);
    this.#set64(AT.vector + 8, BigInt(length));
  }

  /** The descriptor that travels with the message at hand, cmsg(3). */
  #setPassed(fd: number | undefined): void {
    this.#set64(AT.message + 32, fd === undefined ? 0n : this.#at(AT.control));
    this.#set64(AT.message + 40, fd === undefined ? 0n : CONTROL_OF_ONE_BYTES);
    this.#set64(AT.message + 48, 0n);
    if (fd === undefined) return;
    this.#set64(AT.control, 20n);
    this.#view.setInt32(AT.control + 8, SOL_SOCKET, true);
    this.#view.setInt32(AT.control + 12, SCM_RIGHTS, true);
    this.#view.setInt32(AT.control + 16, fd, true);
  }

  /** Whether it is a TCP socket that does not listen. One without a peer passes: its client is gone. */
  #isTcp(fd: number): boolean {
    const [AF_INET, AF_INET6, SOCK_STREAM, IPPROTO_TCP] = [2, 10, 1, 6];
    const domain = this.#option(fd, SO_DOMAIN);
    return (
      (domain === AF_INET || domain === AF_INET6) &&
      this.#option(fd, SO_TYPE) === SOCK_STREAM &&
      this.#option(fd, SO_PROTOCOL) === IPPROTO_TCP &&
      this.#option(fd, SO_ACCEPTCONN) === 0
    );
  }

  #option(fd: number, name: number): number {
    this.#view.setInt32(AT.value, -1, true);
    this.#view.setInt32(AT.length, 4, true);
    const status = this.#calls.getsockopt(fd, SOL_SOCKET, name, this.#at(AT.value), this.#at(AT.length));
    return status === 0 ? this.#view.getInt32(AT.value, true) : -1;
  }

  #at(offset: number): bigint {
    return this.#base + BigInt(offset);
  }

  #setBytes(offset: number, bytes: Buffer): void {
    bytes.forEach((byte, index) => this.#view.setUint8(offset + index, byte));
  }

  #set64(offset: number, value: bigint): void {
    this.#view.setBigUint64(offset, value, true);
  }
}
