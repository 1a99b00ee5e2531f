// System calls of the native transport: accepting without a handle, looking at what a connection has sent without taking
// it, and many descriptors in one message over a socket that keeps messages apart. Each call names its own flags: a
// worker may have set those of the file, so nothing here relies on O_NONBLOCK.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/batch-self-test.test.ts fails where one of them changes.
import type { Library, Memory, SystemCalls } from './native-library.js';

/** What a look at a connection came to: its first bytes, valid until the next look; its end; nothing yet. */
export type Peeked = Buffer | 'end' | 'nothing';

/** A message, valid until the next one is received. */
export interface BatchMessage {
  bytes: Buffer;
  /** Fewer than were sent where this process has no descriptors left. */
  fds: number[];
}

export class BatchCalls {
  readonly #calls: SystemCalls;
  readonly #errno: () => number;
  readonly #allocate: Library['allocate'];
  #sending: Message | undefined;
  #receiving: Message | undefined;
  #peeking: { bytes: Buffer; base: bigint } | undefined;

  constructor({ calls, errno, allocate }: Library) {
    this.#calls = calls;
    this.#errno = errno;
    this.#allocate = allocate;
  }

  /** Takes the next connection of a listening socket; -1: none waits, or there is no descriptor left. */
  accept(listeningFd: number): number {
    return this.#calls.accept4(listeningFd, 0n, 0n, SOCK_CLOEXEC_NONBLOCK);
  }

  /** What a connection has sent, as far as there is room. Nothing leaves the kernel. */
  peek(fd: number): Peeked {
    const { bytes, base } = this.#peekMemory();
    const length = Number(this.#calls.recv(fd, base, PEEK_BYTES, MSG_PEEK | MSG_DONTWAIT));
    if (length > 0) return bytes.subarray(0, length);
    return length === 0 ? 'end' : 'nothing';
  }

  /** Takes so many bytes of what a connection has sent, which have been seen. */
  discard(fd: number, length: number): void {
    const { base } = this.#peekMemory();
    for (let left = length; left > 0;) {
      const taken = Number(this.#calls.recv(fd, base, Math.min(left, PEEK_BYTES), MSG_DONTWAIT));
      // A client that has reset its connection: whoever reads next is told.
      if (taken <= 0) return;
      left -= taken;
    }
  }

  /** Two ends of a socket that keeps messages apart; undefined: there are no descriptors left. */
  pair(): { ours: number; theirs: number } | undefined {
    const { view, base } = this.#message('sending');
    if (this.#calls.socketpair(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, base + BigInt(AT.control)) !== 0)
      return undefined;
    return { ours: view.getInt32(AT.control, true), theirs: view.getInt32(AT.control + 4, true) };
  }

  /** Where the next message is written, {@link MESSAGE_MAX_BYTES} long. */
  get outgoing(): Buffer {
    return this.#message('sending').bytes;
  }

  /** Sends so many bytes of {@link outgoing}, with these descriptors along. Returns 0 or an errno. */
  send(fd: number, length: number, fds: readonly number[]): number {
    const message = this.#message('sending');
    const { view } = message;
    const controlBytes = CONTROL_FRONT_BYTES + 4 * fds.length;
    message.setLengths(length, fds.length === 0 ? 0 : (controlBytes + 7) & ~7);
    view.setUint32(AT.control, controlBytes, true);
    view.setUint32(AT.control + 4, 0, true);
    view.setInt32(AT.control + 8, SOL_SOCKET, true);
    view.setInt32(AT.control + 12, SCM_RIGHTS, true);
    for (let index = 0; index < fds.length; index += 1)
      view.setInt32(AT.control + CONTROL_FRONT_BYTES + 4 * index, fds[index] ?? -1, true);
    const sent = this.#calls.sendmsg(fd, message.base, MSG_NOSIGNAL_DONTWAIT);
    return sent < 0 ? this.#errno() : 0;
  }

  /** Takes the next message; undefined: there is none, or the other end is closed. */
  receive(fd: number): BatchMessage | undefined {
    const message = this.#message('receiving');
    const { view, bytes } = message;
    message.setLengths(MESSAGE_MAX_BYTES, CONTROL_MAX_BYTES);
    const length = Number(this.#calls.recvmsg(fd, message.base, MSG_DONTWAIT_CMSG_CLOEXEC));
    if (length <= 0) return undefined;
    const fds: number[] = [];
    const end = AT.control + view.getUint32(CONTROL_LENGTH_AT, true);
    for (let at: number = AT.control; at + CONTROL_FRONT_BYTES <= end;) {
      const size = view.getUint32(at, true);
      if (size < CONTROL_FRONT_BYTES) break;
      if (view.getInt32(at + 8, true) === SOL_SOCKET && view.getInt32(at + 12, true) === SCM_RIGHTS) {
        for (let place = at + CONTROL_FRONT_BYTES; place + 4 <= at + size; place += 4)
          fds.push(view.getInt32(place, true));
      }
      at += (size + 7) & ~7;
    }
    return { bytes: bytes.subarray(0, length), fds };
  }

  #message(which: 'sending' | 'receiving'): Message {
    if (which === 'sending') return (this.#sending ??= new Message(this.#allocate(MEMORY_BYTES)));
    return (this.#receiving ??= new Message(this.#allocate(MEMORY_BYTES)));
  }

  #peekMemory(): { bytes: Buffer; base: bigint } {
    if (this.#peeking === undefined) {
      const { view, base } = this.#allocate(PEEK_BYTES);
      this.#peeking = { bytes: Buffer.from(view.buffer, view.byteOffset, PEEK_BYTES), base };
    }
    return this.#peeking;
  }
}

/** A msghdr with one place for bytes and one for control messages, recvmsg(2), on 64-bit little endian Linux. */
class Message {
  readonly view: DataView;
  readonly base: bigint;
  readonly bytes: Buffer;

  constructor({ view, base }: Memory) {
    this.view = view;
    this.base = base;
    this.bytes = Buffer.from(view.buffer, view.byteOffset + AT.bytes, MESSAGE_MAX_BYTES);
    for (let at = 0; at < AT.control; at += 8) view.setBigUint64(at, 0n, true);
    view.setBigUint64(16, base + BigInt(AT.vector), true);
    view.setBigUint64(24, 1n, true);
    view.setBigUint64(AT.vector, base + BigInt(AT.bytes), true);
    view.setBigUint64(32, base + BigInt(AT.control), true);
  }

  setLengths(bytes: number, control: number): void {
    this.view.setUint32(AT.vector + 8, bytes, true);
    this.view.setUint32(CONTROL_LENGTH_AT, control, true);
    this.view.setUint32(48, 0, true);
  }
}

/** The longest message, bytes. It fits into the kernel's smallest default of a send buffer (wmem_default) several times. */
export const MESSAGE_MAX_BYTES = 32_768;
/** Descriptors that one message carries at most. */
export const BATCH_MAX_COUNT = 16;

const CONTROL_FRONT_BYTES = 16;
/** Room for SCM_MAX_FD (253) descriptors, though nobody sends so many. */
const CONTROL_MAX_BYTES = 1032;
const CONTROL_LENGTH_AT = 40;
const AT = { vector: 64, control: 128, bytes: 2048 } as const;
const MEMORY_BYTES: number = AT.bytes + MESSAGE_MAX_BYTES;
/** Longer heads are read, not peeked. */
const PEEK_BYTES = 16_384;

const AF_UNIX = 1;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SOCK_CLOEXEC_NONBLOCK = 0o2_004_000;
const SOCK_SEQPACKET_CLOEXEC = 0o2_000_005;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL_DONTWAIT = 0x4040;
const MSG_DONTWAIT_CMSG_CLOEXEC = 0x4000_0040;
