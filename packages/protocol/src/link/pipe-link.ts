// A link over an IPC pipe of our own: no JSON around a connection, no acknowledgement of Node's, any number of
// handles in flight. What the peer writes is parsed here and nowhere else, so nothing in it can reach Node.
import type { NativeHandle, NativePipe } from '../node/native-handle.js';
import { writeText } from '../node/pipe-internals.js';
import { encodeFrame, FrameReader } from './frame.js';
import type { FrameKind } from './frame.js';
import { DEFAULT_LINK_LIMITS } from './link.js';
import type { Link, LinkEnd, LinkLimits, LinkReceiver } from './link.js';

export class PipeLink implements Link {
  readonly type = 'pipe';
  readonly #pipe: NativePipe;
  readonly #limits: LinkLimits;
  readonly #reader: FrameReader;
  #receiver: LinkReceiver | undefined;
  #open = true;
  #readBytes: number;

  constructor(pipe: NativePipe, limits: Partial<LinkLimits> = {}) {
    this.#pipe = pipe;
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...limits };
    this.#reader = new FrameReader(this.#limits.maxPayloadBytes);
    this.#readBytes = pipe.bytesRead;
  }

  get queuedBytes(): number {
    return this.#open ? this.#pipe.writeQueueSize : 0;
  }

  get open(): boolean {
    return this.#open;
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#pipe.onread = (chunk) => this.#onRead(chunk);
    const status = this.#pipe.readStart();
    if (status !== 0) queueMicrotask(() => this.#end({ reason: 'peer-gone' }));
  }

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (!this.#open || this.#pipe.writeQueueSize > this.#limits.maxQueuedBytes) return false;
    const text = encodeFrame(kind, payload, handle !== undefined);
    if (writeText(this.#pipe, text, handle, () => this.#end({ reason: 'peer-gone' }))) return true;
    queueMicrotask(() => this.#end({ reason: 'peer-gone' }));
    return false;
  }

  close(): void {
    this.#end({ reason: 'closed-here' });
  }

  ref(): void {
    this.#pipe.ref();
  }

  unref(): void {
    this.#pipe.unref();
  }

  #onRead(chunk: ArrayBuffer | undefined): void {
    const handle = this.#pipe.pendingHandle ?? undefined;
    this.#pipe.pendingHandle = null;
    if (!this.#open) return void handle?.close();
    // The buffer may be longer than what was read (Node 26); the counter of the handle is exact.
    const total = this.#pipe.bytesRead;
    const length = total - this.#readBytes;
    this.#readBytes = total;
    if (chunk === undefined) {
      handle?.close();
      return this.#end({ reason: 'peer-gone' });
    }
    const frames = this.#reader.push(Buffer.from(chunk, 0, length), handle);
    if (typeof frames === 'string') return this.#end({ reason: 'violation', detail: frames });
    for (const frame of frames) {
      if (this.#open) this.#receiver?.onFrame(frame);
      else frame.handle?.close();
    }
  }

  #end(end: LinkEnd): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pipe.readStop();
    this.#pipe.close();
    this.#reader.close();
    this.#receiver?.onEnd(end);
  }
}
