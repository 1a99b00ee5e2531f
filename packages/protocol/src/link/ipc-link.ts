// A link over Node's own IPC channel: slower than a pipe of our own (JSON, one handle in flight), but made of
// documented calls. It is what remains when a new Node does not pass the self-test of the pipe.
import type { ChildProcess } from 'node:child_process';
import type { NativeHandle } from '../node/native-handle.js';
import { FrameKind } from './frame.js';
import { DEFAULT_LINK_LIMITS } from './link.js';
import type { Link, LinkEnd, LinkLimits, LinkReceiver } from './link.js';

const KINDS: ReadonlySet<unknown> = new Set(Object.values(FrameKind));

/** What both ends of a channel have: a forked child, and `process` within it. */
type Channel = ChildProcess | NodeJS.Process;

export class IpcLink implements Link {
  readonly type = 'ipc';
  readonly #channel: Channel;
  readonly #limits: LinkLimits;
  #receiver: LinkReceiver | undefined;
  #queuedBytes = 0;
  #open = true;

  constructor(channel: Channel, limits: Partial<LinkLimits> = {}) {
    this.#channel = channel;
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...limits };
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get open(): boolean {
    return this.#open;
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    const channel = this.#channel as NodeJS.Process;
    channel.on('message', this.#onMessage);
    channel.once('disconnect', this.#onDisconnect);
    // A child that dies with a handle in flight never disconnects; its exit is certain.
    if (this.#channel !== process) (this.#channel as ChildProcess).once('close', this.#onDisconnect);
    if (!channel.connected) queueMicrotask(this.#onDisconnect);
  }

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    const channel = this.#channel as NodeJS.Process;
    if (!this.#open || !channel.connected || this.#queuedBytes > this.#limits.maxQueuedBytes) return false;
    this.#queuedBytes += payload.length;
    const done = (error: Error | null): void => {
      this.#queuedBytes -= payload.length;
      if (error !== null) this.#end({ reason: 'peer-gone' });
    };
    const message = { vhostd: kind, payload, handle: handle !== undefined };
    channel.send?.(message, handle as unknown as undefined, { keepOpen: true }, done);
    return true;
  }

  close(): void {
    this.#end({ reason: 'closed-here' });
    if (this.#channel.connected) this.#channel.disconnect?.();
  }

  ref(): void {
    this.#channel.channel?.ref();
  }

  unref(): void {
    this.#channel.channel?.unref();
  }

  readonly #onMessage = (message: unknown, handle?: unknown): void => {
    const native = isNative(handle) ? handle : undefined;
    if (!this.#open || typeof message !== 'object' || message === null || !('vhostd' in message)) {
      native?.close();
      return;
    }
    const { vhostd: kind, payload, handle: announced } = message as Record<string, unknown>;
    const valid =
      KINDS.has(kind) && typeof payload === 'string' && (native === undefined || announced === true);
    if (!valid || payload.length > this.#limits.maxPayloadBytes) {
      native?.close();
      return this.#end({ reason: 'violation', detail: 'a message that is no frame' });
    }
    this.#receiver?.onFrame({
      kind: kind as FrameKind,
      payload: Buffer.from(payload, 'latin1'),
      handle: native,
      handleLost: announced === true && native === undefined,
    });
  };

  readonly #onDisconnect = (): void => this.#end({ reason: 'peer-gone' });

  #end(end: LinkEnd): void {
    if (!this.#open) return;
    this.#open = false;
    const channel = this.#channel as NodeJS.Process;
    channel.removeListener('message', this.#onMessage);
    channel.removeListener('disconnect', this.#onDisconnect);
    if (this.#channel !== process)
      (this.#channel as ChildProcess).removeListener('close', this.#onDisconnect);
    this.#receiver?.onEnd(end);
  }
}

function isNative(value: unknown): value is NativeHandle {
  return typeof value === 'object' && value !== null && 'readStop' in value && 'close' in value;
}
