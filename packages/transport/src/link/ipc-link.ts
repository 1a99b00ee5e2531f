// A link over Node's own IPC channel: slower than a pipe of our own (JSON, one handle in flight), but made of
// documented calls. It is what remains when a new Node does not pass the self-test of the pipe.
//
// A handle goes in a message of its own, in front of its frame: where the receiver is out of descriptors, Node
// drops the message that came with the handle, and the frame must not be dropped with it.
import type { ChildProcess } from 'node:child_process';
import { wholeHandle } from '../node/lazy-tcp.js';
import type { NativeHandle } from '../node/native-handle.js';
import { holdOpen, letGo } from '../node/hold-open.js';
import { forgetUnfinished } from '../node/pipe-internals.js';
import { isFrameKind } from './frame.js';
import type { FrameKind } from './frame.js';
import { DEFAULT_LINK_LIMITS, FRAME_COST_BYTES } from './link.js';
import type { Link, LinkEnd, LinkLimits, LinkReceiver } from './link.js';

/** What both ends of a channel have: a forked child, and `process` within it. */
type Channel = ChildProcess | NodeJS.Process;

/** A frame; `handle` is the number of the handle that was sent in front of it. */
interface FrameMessage {
  vhostd: FrameKind;
  payload: string;
  handle?: number;
}

/** The message that carries a handle. */
interface HandleMessage {
  vhostdHandle: number;
}

export class IpcLink implements Link {
  readonly type = 'ipc';
  readonly sendsHandles = true;
  readonly receivesHandles = true;
  readonly #channel: Channel;
  readonly #limits: LinkLimits;
  #receiver: LinkReceiver | undefined;
  #end: LinkEnd | undefined;
  #queuedBytes = 0;
  #lastHandle = 0;
  #waitingHandle: { number: number; handle: NativeHandle } | undefined;
  #watch: NodeJS.Timeout | undefined;
  #lastWords: NodeJS.Timeout | undefined;
  /** Handles that are being sent. */
  readonly #holds = new Set<{ handle: NativeHandle }>();

  constructor(channel: Channel, limits: Partial<LinkLimits> = {}) {
    this.#channel = channel;
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...limits };
  }

  get queuedBytes(): number {
    return this.#end === undefined ? this.#queuedBytes : 0;
  }

  get maxPayloadBytes(): number {
    return this.#limits.maxPayloadBytes;
  }

  get open(): boolean {
    return this.#end === undefined && this.#channel.connected;
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    const end = this.#end;
    if (end !== undefined) return queueMicrotask(() => receiver.onEnd(end));
    const channel = this.#channel as NodeJS.Process;
    // This listener stays: Node keeps messages that nobody listens for, and breaks when it cannot.
    channel.on('message', this.#onMessage);
    channel.once('disconnect', this.#onDisconnect);
    if (this.#channel !== process) (this.#channel as ChildProcess).once('close', this.#onDisconnect);
    // A channel whose peer died with a handle in flight never disconnects, and a child's 'close' waits for all
    // that inherited its output.
    this.#watch = setInterval(() => {
      if (!channel.connected) this.#onDisconnect();
    }, WATCH_MS).unref();
    if (!channel.connected) queueMicrotask(this.#onDisconnect);
  }

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (!this.open || payload.length > this.#limits.maxPayloadBytes) return false;
    if (this.#queuedBytes > this.#limits.maxQueuedBytes) return false;
    const whole = handle && wholeHandle(handle);
    if (handle !== undefined && (whole === undefined || whole.fd < 0)) return false;
    const message: FrameMessage = { vhostd: kind, payload };
    if (whole !== undefined) {
      message.handle = this.#lastHandle += 1;
      this.#transmit({ vhostdHandle: message.handle }, 0, whole);
    }
    this.#transmit(message, payload.length, undefined);
    return true;
  }

  peerExited(): void {
    // Node reads what is there; another process may hold the channel open for ever.
    if (this.#end !== undefined) return;
    this.#lastWords ??= setTimeout(() => this.#finish({ reason: 'peer-gone' }), LAST_WORDS_MS);
  }

  close(): void {
    this.#finish({ reason: 'closed-here' });
  }

  ref(): void {
    this.#channel.channel?.ref();
  }

  unref(): void {
    this.#channel.channel?.unref();
  }

  #transmit(message: FrameMessage | HandleMessage, bytes: number, handle: NativeHandle | undefined): void {
    const channel = this.#channel as NodeJS.Process;
    const cost = bytes + FRAME_COST_BYTES;
    // A failure needs no answer here: a channel that cannot be written to is about to disconnect.
    const hold = handle === undefined ? undefined : { handle };
    const done = (): void => {
      this.#queuedBytes -= cost;
      if (hold !== undefined && this.#holds.delete(hold)) letGo(hold.handle);
    };
    channel.send?.(message, handle as unknown as undefined, { keepOpen: true }, done);
    this.#queuedBytes += cost;
    if (hold === undefined) return;
    this.#holds.add(hold);
    holdOpen(hold.handle);
  }

  /** The channel sends nothing any more, and tells of none of it. */
  #letAllGo(): void {
    const holds = [...this.#holds];
    this.#holds.clear();
    for (const { handle } of holds) letGo(handle);
  }

  /** Outside of Node's own loop over what it kept until now, which a throw or a disconnect would break. */
  readonly #onMessage = (message: unknown, received?: unknown): void =>
    queueMicrotask(() => this.#take(message, isNative(received) ? received : undefined));

  #take(message: unknown, handle: NativeHandle | undefined): void {
    if (this.#end !== undefined || typeof message !== 'object' || message === null) return handle?.close();
    const {
      vhostd: kind,
      vhostdHandle: number,
      payload,
      handle: wanted,
    } = message as Record<string, unknown>;
    if (number !== undefined) return this.#keepHandle(number, handle);
    handle?.close();
    if (kind === undefined) return; // Somebody else's message.
    const waiting = this.#waitingHandle;
    this.#waitingHandle = undefined;
    if (waiting !== undefined && waiting.number !== wanted) {
      waiting.handle.close();
      return this.#violation('a handle without its frame');
    }
    if (!isFrameKind(kind) || typeof payload !== 'string' || payload.length > this.#limits.maxPayloadBytes) {
      waiting?.handle.close();
      return this.#violation('a message that is no frame');
    }
    this.#receiver?.onFrame({
      kind,
      payload: Buffer.from(payload, 'latin1'),
      handle: waiting?.handle,
      handleLost: wanted !== undefined && waiting === undefined,
    });
  }

  #keepHandle(number: unknown, handle: NativeHandle | undefined): void {
    if (handle !== undefined && typeof number === 'number' && this.#waitingHandle === undefined) {
      this.#waitingHandle = { number, handle };
      return;
    }
    handle?.close();
    this.#violation('a handle that was not expected');
  }

  #violation(detail: string): void {
    this.#finish({ reason: 'violation', detail });
  }

  readonly #onDisconnect = (): void => this.#finish({ reason: 'peer-gone' });

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    clearInterval(this.#watch);
    clearTimeout(this.#lastWords);
    this.#waitingHandle?.handle.close();
    this.#waitingHandle = undefined;
    // In a turn of its own: what Node has read but not emitted yet would find no channel and throw.
    if (end.reason === 'peer-gone') this.#letAllGo();
    else {
      setImmediate(() => {
        disconnect(this.#channel);
        setImmediate(() => this.#letAllGo());
      });
    }
    this.#receiver?.onEnd(end);
  }
}

/** How often it is looked whether the channel still stands, ms. */
const WATCH_MS = 1000;
/** How long the channel of a process that has exited may stay open, ms. */
const LAST_WORDS_MS = 500;

function disconnect(channel: Channel): void {
  if (!channel.connected) return;
  forgetUnfinished(channel);
  channel.disconnect?.();
}

function isNative(value: unknown): value is NativeHandle {
  return typeof value === 'object' && value !== null && 'readStop' in value && 'close' in value;
}
