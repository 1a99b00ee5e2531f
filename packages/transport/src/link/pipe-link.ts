// A link over pipes of our own: no JSON around a connection, no acknowledgement of Node's, any number of handles in
// flight. What the peer writes is parsed here and nowhere else, so nothing in it can reach Node. One IPC pipe carries
// both ways between processes that trust each other; from a child that is not trusted, bytes and descriptors come
// apart, and no more is read than its share of this process's time.
import { readSync } from 'node:fs';
import type { NativeHandle, NativePipe } from '../node/native-handle.js';
import { writeText } from '../node/pipe-internals.js';
import type { DescriptorReceiver, DescriptorSender } from './descriptor-passing.js';
import { encodeFrame, FrameReader } from './frame.js';
import type { Frame, FrameKind } from './frame.js';
import { DEFAULT_LINK_LIMITS, FRAME_COST_BYTES } from './link.js';
import type { Link, LinkEnd, LinkLimits, LinkReceiver } from './link.js';
import type { Claims } from './offers.js';
import { LastingExcess, TURN_LIMIT_MS, Work } from './reading-share.js';
import type { ReadingShare } from './reading-share.js';

/** What a link is made of besides the pipe over which frames go out. */
export interface PipeLinkParts {
  /** Frames come from here. Default: the same pipe. */
  source?: NativePipe;
  /** Handles go out over this, and nothing else does; null: none can. Default: with their frames. */
  sender?: DescriptorSender | null;
  /** Handles come from here; null: none can. Default: with their frames. */
  receiver?: DescriptorReceiver | null;
  /** What frames with a handle are claimed with. Default: they need not be. */
  claims?: Claims;
  /** What reading may cost. Default: any time. */
  share?: ReadingShare;
  /** Closes every pipe but the source. Default: they are closed here. */
  release?: () => void;
}

export class PipeLink implements Link {
  readonly type = 'pipe';
  readonly sendsHandles: boolean;
  readonly receivesHandles: boolean;
  readonly claims: Claims | undefined;
  readonly #pipe: NativePipe;
  readonly #source: NativePipe;
  readonly #parts: PipeLinkParts;
  readonly #limits: LinkLimits;
  readonly #reader: FrameReader;
  #receiver: LinkReceiver | undefined;
  #end: LinkEnd | undefined;
  /** Bytes that the pipe had read before its last read and when reading last began. */
  #readBytes: number;
  #readBytesAtStart: number;
  #writing = true;
  #queuedCount = 0;
  /** Frames that have come and wait for their turn; nothing is read meanwhile. */
  #backlog: Frame[] = [];
  #wait: NodeJS.Immediate | NodeJS.Timeout | undefined;
  #paused = false;
  readonly #excess = new LastingExcess();

  constructor(pipe: NativePipe, limits: Partial<LinkLimits> = {}, parts: PipeLinkParts = {}) {
    this.#pipe = pipe;
    this.#source = parts.source ?? pipe;
    this.#parts = parts;
    this.sendsHandles = parts.sender !== null;
    this.receivesHandles = parts.receiver !== null;
    this.claims = parts.claims;
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...limits };
    this.#reader = new FrameReader(this.#limits.maxPayloadBytes);
    this.#readBytes = this.#source.bytesRead;
    this.#readBytesAtStart = this.#source.bytesRead;
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
    this.#source.onread = (chunk) => this.#onRead(chunk);
    if (this.#source.readStart() !== 0) queueMicrotask(() => this.#finish({ reason: 'peer-gone' }));
  }

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (!this.open || payload.length > this.#limits.maxPayloadBytes) return false;
    if (this.queuedBytes > this.#limits.maxQueuedBytes) return false;
    if (handle === undefined) return this.#write(kind, payload, false, undefined);
    const { sender } = this.#parts;
    if (sender === null) return false;
    if (sender === undefined) return this.#write(kind, payload, true, handle);
    return sender.send(handle, (sent) => {
      // Its number is taken, so the other end waits for this frame before any other with a handle.
      if (!sent) this.#writing = false;
      else if (this.open) this.#write(kind, payload, true, undefined);
    });
  }

  peerExited(): void {
    if (this.#parts.source === undefined || this.#end !== undefined) return;
    this.#source.readStop();
    const { watch } = this.#parts.share ?? {};
    watch?.begin();
    this.#deliverBacklog();
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let readBytes = 0; readBytes < LAST_READ_MAX_BYTES && this.#end === undefined;) {
      const length = readNow(this.#source.fd, buffer);
      if (length === 0) break;
      readBytes += length;
      // The frames keep the memory.
      this.#take(Buffer.from(buffer.subarray(0, length)), undefined);
      this.#deliverBacklog();
    }
    watch?.end();
    this.#finish({ reason: 'peer-gone' });
  }

  close(): void {
    this.#finish({ reason: 'closed-here' });
  }

  ref(): void {
    this.#source.ref();
  }

  unref(): void {
    this.#source.unref();
  }

  #write(kind: FrameKind, payload: string, flagged: boolean, handle: NativeHandle | undefined): boolean {
    const sent = writeText(this.#pipe, encodeFrame(kind, payload, flagged), handle, this.#onWritten);
    // A frame that the kernel takes at once is not always reported.
    if (this.#pipe.writeQueueSize === 0) this.#queuedCount = 0;
    else if (sent) this.#queuedCount += 1;
    // Refused at once: the peer is gone, though its end has not been read yet.
    if (!sent && (handle === undefined || handle.fd >= 0)) this.#writing = false;
    return sent;
  }

  readonly #onWritten = (status: number): void => {
    this.#queuedCount = Math.max(0, this.#queuedCount - 1);
    // A frame is missing from here on, so none may follow. What the peer sent before it died is still to be read.
    if (status < 0) this.#writing = false;
  };

  #onRead(chunk: ArrayBuffer | undefined): void {
    const handle = this.#source.pendingHandle ?? undefined;
    this.#source.pendingHandle = null;
    if (this.#end !== undefined) return handle?.close();
    if (chunk === undefined) {
      handle?.close();
      return this.#onReadEnd();
    }
    // The buffer may be longer than what was read (Node 26); the counter of the handle is exact.
    const total = this.#source.bytesRead;
    const length = total - this.#readBytes;
    this.#readBytes = total;
    if (this.#parts.share === undefined) {
      this.#take(Buffer.from(chunk, 0, length), handle);
      return this.#deliverBacklog();
    }
    this.#excess.read(performance.now());
    this.#inShare(() => this.#take(Buffer.from(chunk, 0, length), handle));
  }

  #take(bytes: Buffer, handle: NativeHandle | undefined): void {
    const frames = this.#reader.push(bytes, handle);
    if (typeof frames !== 'string') {
      for (const frame of frames) this.#backlog.push(frame);
      return;
    }
    // What the peer said before it broke the rules is true: a connection that it confirmed is its own.
    this.#backlog.push(...this.#reader.takeBefore());
    this.#deliverBacklog();
    this.#finish({ reason: 'violation', detail: frames });
  }

  /** Does some work that reading causes, and as many of the frames as this turn has time for. */
  #inShare(cause: () => void): void {
    if (this.#parts.share === undefined) {
      cause();
      return this.#deliverBacklog();
    }
    const startMs = performance.now();
    const work = new Work();
    const watch = this.#parts.share?.watch;
    watch?.begin();
    cause();
    let deliveredCount = 0;
    for (const frame of this.#backlog) {
      if (this.#end !== undefined) return watch?.end();
      this.#deliver(frame);
      deliveredCount += 1;
      if (deliveredCount % LOOK_EACH_FRAMES === 0 && performance.now() - startMs >= TURN_LIMIT_MS) break;
    }
    this.#backlog = this.#backlog.slice(deliveredCount);
    // The answers to what it says are part of the work; no other work comes in between.
    void behindMicrotasks().then(() => {
      watch?.end();
      this.#charge(startMs, work.ms);
    });
  }

  #charge(startMs: number, workMs: number): void {
    const { share } = this.#parts;
    const nowMs = performance.now();
    const pauseMs = share?.charge(workMs, nowMs) ?? 0;
    if (this.#end !== undefined) return;
    if (pauseMs > 0 && this.#excess.waits(nowMs)) {
      return this.#finish({
        reason: 'violation',
        detail: 'more to read, for too long, than its share of time',
      });
    }
    if (pauseMs > 0) this.#pause((resume) => setTimeout(resume, pauseMs));
    else if (this.#backlog.length > 0 || nowMs - startMs >= TURN_LIMIT_MS) this.#pause(setImmediate);
    else if (this.#paused) this.#resume();
  }

  #pause(until: (resume: () => void) => NodeJS.Immediate | NodeJS.Timeout): void {
    this.#source.readStop();
    this.#paused = true;
    this.#wait = until(() => {
      this.#wait = undefined;
      if (this.#end !== undefined) return;
      if (this.#backlog.length === 0) this.#resume();
      else this.#inShare(() => undefined);
    });
  }

  #resume(): void {
    this.#paused = false;
    this.#excess.resumed(performance.now());
    this.#source.readStart();
  }

  /**
   * libuv before 1.49 (Node 20) reports the end of an IPC pipe whose peer is gone behind the first of several
   * messages with descriptors, so the end is one only when reading again finds nothing.
   */
  #onReadEnd(): void {
    if (this.#readBytes !== this.#readBytesAtStart) {
      this.#readBytesAtStart = this.#readBytes;
      if (this.#source.readStart() === 0) return;
    }
    this.#finish({ reason: 'peer-gone' });
  }

  #deliverBacklog(): void {
    const frames = this.#backlog;
    this.#backlog = [];
    for (const frame of frames) this.#deliver(frame);
  }

  #deliver(frame: Frame): void {
    if (this.#end !== undefined) return frame.handle?.close();
    if (frame.handleLost && !this.#fetchHandle(frame)) return;
    try {
      this.#receiver?.onFrame(frame);
    } catch (error) {
      // Thrown from here it would take the frames behind along.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Gives a frame its handle where that comes apart; false: it broke the rules. */
  #fetchHandle(frame: Frame): boolean {
    const { receiver } = this.#parts;
    if (receiver === undefined) return true;
    const arrival = receiver?.receive() ?? {
      kind: 'violation',
      detail: 'a descriptor, which cannot come here',
    };
    if (arrival.kind === 'violation') {
      this.#finish({ reason: 'violation', detail: arrival.detail });
      return false;
    }
    if (arrival.kind === 'handle') {
      frame.handle = arrival.handle;
      frame.handleLost = false;
    }
    return true;
  }

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return;
    // The end comes behind the last frame, save for one that is made here.
    if (end.reason === 'peer-gone') this.#deliverBacklog();
    if (this.#end !== undefined) return;
    this.#end = end;
    if (this.#wait !== undefined) {
      clearTimeout(this.#wait as NodeJS.Timeout);
      clearImmediate(this.#wait as NodeJS.Immediate);
    }
    for (const frame of this.#backlog.splice(0)) frame.handle?.close();
    this.#source.readStop();
    this.#source.close();
    if (this.#parts.release !== undefined) this.#parts.release();
    else if (this.#source !== this.#pipe) this.#pipe.close();
    this.#parts.sender?.close();
    this.#reader.close();
    this.#receiver?.onEnd(end);
  }
}

/** Resolves behind what the promises of this turn have still to do, save for chains that are longer than usual. */
async function behindMicrotasks(): Promise<void> {
  const nothing = Promise.resolve();
  for (let hop = 0; hop < HOPS; hop += 1) await nothing;
}

/** What can be read at this moment; 0: nothing, or the end. */
function readNow(fd: number, buffer: Buffer): number {
  if (fd < 0) return 0;
  try {
    return readSync(fd, buffer);
  } catch {
    return 0;
  }
}

const READ_BYTES = 65_536;
/** The most that a pipe holds (/proc/sys/fs/pipe-max-size, by default); more is being written by somebody else. */
const LAST_READ_MAX_BYTES = 1 << 20;
const LOOK_EACH_FRAMES = 16;
/** Longer than the way from a frame to its answer. */
const HOPS = 12;
