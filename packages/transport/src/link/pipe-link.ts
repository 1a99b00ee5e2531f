// A link over an IPC pipe of our own: no JSON around a connection, no acknowledgement of Node's, any number of
// handles in flight. What the peer writes is parsed here and nowhere else, so nothing in it can reach Node.
import type { NativeHandle, NativePipe } from '../node/native-handle.js';
import { writeText } from '../node/pipe-internals.js';
import { encodeFrame, FrameReader } from './frame.js';
import type { Frame, FrameKind } from './frame.js';
import { DEFAULT_LINK_LIMITS, FRAME_COST_BYTES } from './link.js';
import type { Link, LinkEnd, LinkLimits, LinkReceiver } from './link.js';

export class PipeLink implements Link {
  readonly type = 'pipe';
  readonly #pipe: NativePipe;
  readonly #limits: LinkLimits;
  readonly #reader: FrameReader;
  #receiver: LinkReceiver | undefined;
  #end: LinkEnd | undefined;
  /** Bytes that the pipe had read before its last read and when reading last began. */
  #readBytes: number;
  #readBytesAtStart: number;
  #writing = true;
  #queuedCount = 0;

  constructor(pipe: NativePipe, limits: Partial<LinkLimits> = {}) {
    this.#pipe = pipe;
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...limits };
    this.#reader = new FrameReader(this.#limits.maxPayloadBytes);
    this.#readBytes = pipe.bytesRead;
    this.#readBytesAtStart = pipe.bytesRead;
  }

  get queuedBytes(): number {
    if (this.#end !== undefined || this.#pipe.writeQueueSize === 0) return 0;
    return this.#pipe.writeQueueSize + this.#queuedCount * FRAME_COST_BYTES;
  }

  get maxPayloadBytes(): number {
    return this.#limits.maxPayloadBytes;
  }

  get open(): boolean {
    return this.#writing && this.#end === undefined;
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    const end = this.#end;
    if (end !== undefined) return queueMicrotask(() => receiver.onEnd(end));
    this.#pipe.onread = (chunk) => this.#onRead(chunk);
    if (this.#pipe.readStart() !== 0) queueMicrotask(() => this.#finish({ reason: 'peer-gone' }));
  }

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (!this.open || payload.length > this.#limits.maxPayloadBytes) return false;
    if (this.queuedBytes > this.#limits.maxQueuedBytes) return false;
    const sent = writeText(
      this.#pipe,
      encodeFrame(kind, payload, handle !== undefined),
      handle,
      this.#onWritten,
    );
    // A frame that the kernel takes at once is not always reported.
    if (this.#pipe.writeQueueSize === 0) this.#queuedCount = 0;
    else if (sent) this.#queuedCount += 1;
    // Refused at once: the peer is gone, though its end has not been read yet.
    if (!sent && (handle === undefined || handle.fd >= 0)) this.#writing = false;
    return sent;
  }

  close(): void {
    this.#finish({ reason: 'closed-here' });
  }

  ref(): void {
    this.#pipe.ref();
  }

  unref(): void {
    this.#pipe.unref();
  }

  readonly #onWritten = (status: number): void => {
    this.#queuedCount = Math.max(0, this.#queuedCount - 1);
    // A frame is missing from here on, so none may follow. What the peer sent before it died is still to be read.
    if (status < 0) this.#writing = false;
  };

  #onRead(chunk: ArrayBuffer | undefined): void {
    const handle = this.#pipe.pendingHandle ?? undefined;
    this.#pipe.pendingHandle = null;
    if (this.#end !== undefined) return handle?.close();
    if (chunk === undefined) {
      handle?.close();
      return this.#onReadEnd();
    }
    // The buffer may be longer than what was read (Node 26); the counter of the handle is exact.
    const total = this.#pipe.bytesRead;
    const length = total - this.#readBytes;
    this.#readBytes = total;
    const frames = this.#reader.push(Buffer.from(chunk, 0, length), handle);
    if (typeof frames === 'string') {
      // What the peer said before it broke the rules is true: a connection that it confirmed is its own.
      for (const frame of this.#reader.takeBefore()) this.#deliver(frame);
      return this.#finish({ reason: 'violation', detail: frames });
    }
    for (const frame of frames) this.#deliver(frame);
  }

  /**
   * libuv before 1.49 (Node 20) reports the end of an IPC pipe whose peer is gone behind the first of several
   * messages with descriptors, so the end is one only when reading again finds nothing.
   */
  #onReadEnd(): void {
    if (this.#readBytes !== this.#readBytesAtStart) {
      this.#readBytesAtStart = this.#readBytes;
      if (this.#pipe.readStart() === 0) return;
    }
    this.#finish({ reason: 'peer-gone' });
  }

  #deliver(frame: Frame): void {
    if (this.#end !== undefined) return frame.handle?.close();
    try {
      this.#receiver?.onFrame(frame);
    } catch (error) {
      // Thrown from here it would take the frames behind along.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#pipe.readStop();
    this.#pipe.close();
    this.#reader.close();
    this.#receiver?.onEnd(end);
  }
}
