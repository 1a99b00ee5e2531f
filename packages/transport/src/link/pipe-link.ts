// A link over pipes of our own: no JSON around a connection, no acknowledgement of Node's, any number of handles in
// flight. What the peer writes is parsed here and nowhere else, so nothing in it can reach Node. One IPC pipe carries
// both ways between processes that trust each other; from a child that is not trusted, bytes and descriptors come
// apart, and no more is read than its share of this process's time.
import { readSync } from 'node:fs';
import type { NativeHandle, NativePipe } from '../node/native-handle.js';
import { writeText } from '../node/pipe-internals.js';
import { wholeHandle } from '../node/lazy-tcp.js';
import type { BatchSender } from './batch-sender.js';
import type { DescriptorReceiver, DescriptorSender } from './descriptor-passing.js';
import { encodeFrame, FrameReader } from './frame.js';
import { FrameCutter } from './frame-cutter.js';
import type { Frame, FrameKind } from './frame.js';
import { DEFAULT_LINK_LIMITS, FRAME_COST_BYTES } from './link.js';
import type { BatchOffer, Link, LinkEnd, LinkLimits, LinkReceiver } from './link.js';
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
  /** Connections go out over this once it is active. */
  batches?: BatchSender;
  /** Connections can come over this. */
  batchOffer?: BatchOffer;
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
  /** What has come from a child with a share, and waits for its turn; nothing is read meanwhile. */
  readonly #cutter: FrameCutter | undefined;
  #wait: NodeJS.Immediate | NodeJS.Timeout | undefined;
  #paused = false;
  /** The last read took all that a pipe holds. */
  #filled = false;
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
    if (parts.share !== undefined) this.#cutter = new FrameCutter(this.#limits.maxPayloadBytes);
    this.#readBytes = this.#source.bytesRead;
    this.#readBytesAtStart = this.#source.bytesRead;
  }

  get batches(): BatchSender | undefined {
    return this.#parts.batches;
  }

  get batchOffer(): BatchOffer | undefined {
    return this.#parts.batchOffer;
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
    this.#source.onread = (chunk) => {
      this.#onRead(chunk);
    };
    if (this.#cutter !== undefined) this.#source.useUserBuffer?.(GULP);
    if (this.#source.readStart() !== 0) queueMicrotask(() => this.#finish({ reason: 'peer-gone' }));
  }

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (!this.open || payload.length > this.#limits.maxPayloadBytes) return false;
    if (this.queuedBytes > this.#limits.maxQueuedBytes) return false;
    if (handle === undefined) return this.#write(kind, payload, false, undefined);
    const { sender } = this.#parts;
    const whole = wholeHandle(handle);
    if (sender === null || whole === undefined) return false;
    if (sender === undefined) return this.#write(kind, payload, true, whole);
    return sender.send(whole, (sent) => {
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
    this.#deliverAll();
    for (let readBytes = 0; readBytes < LAST_READ_MAX_BYTES && this.#end === undefined;) {
      const length = readNow(this.#source.fd, GULP) ?? 0;
      if (length === 0) break;
      readBytes += length;
      if (this.#cutter === undefined) this.#take(Buffer.from(GULP.subarray(0, length)), undefined);
      else this.#cutter.push(GULP.subarray(0, length));
      this.#deliverAll();
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

  /** Nothing more can be sent: the peer is dying, or has closed what it is sent connections over. */
  stopSending(): void {
    this.#writing = false;
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
    const cutter = this.#cutter;
    // The buffer may be longer than what was read (Node 26); the counter of the handle is exact.
    const length = this.#source.bytesRead - this.#readBytes;
    this.#readBytes += length;
    if (cutter !== undefined) {
      if (this.#end !== undefined) return;
      // The end, or nothing to read after all, which looks the same from here.
      const got = length > 0 ? length : readNow(this.#source.fd, GULP);
      if (got === undefined) return;
      if (got === 0) return this.#finish({ reason: 'peer-gone' });
      const bytes = length > 0 && chunk !== undefined ? Buffer.from(chunk, 0, got) : GULP.subarray(0, got);
      this.#excess.read(performance.now());
      this.#filled = got === GULP.length;
      return this.#inShare(cutter, () => cutter.push(bytes));
    }
    const handle = this.#source.pendingHandle ?? undefined;
    this.#source.pendingHandle = null;
    if (this.#end !== undefined) return handle?.close();
    if (chunk === undefined) {
      handle?.close();
      return this.#onReadEnd();
    }
    this.#take(Buffer.from(chunk, 0, length), handle);
  }

  /** Delivers the frames of one read of a peer without a share. */
  #take(bytes: Buffer, handle: NativeHandle | undefined): void {
    const frames = this.#reader.push(bytes, handle);
    if (typeof frames !== 'string') return frames.forEach((frame) => this.#deliver(frame));
    // What the peer said before it broke the rules is true: a connection that it confirmed is its own.
    for (const frame of this.#reader.takeBefore()) this.#deliver(frame);
    this.#finish({ reason: 'violation', detail: frames });
  }

  /** Does some work that reading causes, and delivers as many of the frames as this turn has time for. */
  #inShare(cutter: FrameCutter, cause: () => void): void {
    const startMs = performance.now();
    const work = new Work();
    const watch = this.#parts.share?.watch;
    watch?.begin();
    cause();
    for (let deliveredCount = 1; this.#deliverNext(cutter); deliveredCount += 1) {
      if (deliveredCount % LOOK_EACH_FRAMES === 0 && performance.now() - startMs >= TURN_LIMIT_MS) break;
    }
    if (this.#end !== undefined) return watch?.end();
    // The answers to what it says are part of the work; no other work comes in between.
    void behindMicrotasks().then(() => {
      watch?.end();
      this.#charge(cutter, startMs, work.ms);
    });
  }

  #charge(cutter: FrameCutter, startMs: number, workMs: number): void {
    const { share } = this.#parts;
    const nowMs = performance.now();
    const pauseMs = share?.charge(workMs, nowMs, cutter.ready || this.#filled) ?? 0;
    this.#filled = false;
    if (this.#end !== undefined) return;
    if (pauseMs > 0 && this.#excess.waits(nowMs)) {
      return this.#finish({
        reason: 'violation',
        detail: 'more to read, for too long, than its share of time',
      });
    }
    if (pauseMs > 0) this.#pause(cutter, (resume) => setTimeout(resume, pauseMs));
    else if (this.#isDeaf) this.#pause(cutter, (resume) => setTimeout(resume, DEAF_LOOK_MS));
    else if (cutter.ready || nowMs - startMs >= TURN_LIMIT_MS) this.#pause(cutter, setImmediate);
    else if (this.#paused) this.#resume();
  }

  /** It reads nothing of what it is sent, such as the answers to what it says: it is not heard before it does. */
  get #isDeaf(): boolean {
    return this.queuedBytes > ANSWERS_MAX_BYTES;
  }

  #pause(cutter: FrameCutter, until: (resume: () => void) => NodeJS.Immediate | NodeJS.Timeout): void {
    this.#source.readStop();
    this.#paused = true;
    this.#wait = until(() => {
      this.#wait = undefined;
      if (this.#end !== undefined) return;
      if (this.#isDeaf) this.#pause(cutter, (resume) => setTimeout(resume, DEAF_LOOK_MS));
      else if (cutter.ready) this.#inShare(cutter, () => undefined);
      else this.#resume();
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

  /** Delivers all that waits. */
  #deliverAll(): void {
    const cutter = this.#cutter;
    while (cutter !== undefined && this.#deliverNext(cutter));
  }

  /** Delivers the next frame that waits; false: there is none, or the link has ended. */
  #deliverNext(cutter: FrameCutter): boolean {
    if (this.#end !== undefined) return false;
    const frame = cutter.next();
    if (typeof frame === 'string') this.#finish({ reason: 'violation', detail: frame });
    else if (frame !== undefined) this.#deliver(frame);
    return typeof frame === 'object';
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
    if (end.reason === 'peer-gone') this.#deliverAll();
    if (this.#end !== undefined) return;
    this.#end = end;
    if (this.#wait !== undefined) {
      clearTimeout(this.#wait as NodeJS.Timeout);
      clearImmediate(this.#wait as NodeJS.Immediate);
    }
    this.#source.readStop();
    this.#source.close();
    this.#parts.batches?.stop();
    if (this.#parts.release !== undefined) this.#parts.release();
    else if (this.#source !== this.#pipe) this.#pipe.close();
    this.#parts.sender?.close();
    this.#reader.close();
    this.#cutter?.close();
    this.#receiver?.onEnd(end);
  }
}

/** Resolves behind what the promises of this turn have still to do, save for chains that are longer than usual. */
async function behindMicrotasks(): Promise<void> {
  const nothing = Promise.resolve();
  for (let hop = 0; hop < HOPS; hop += 1) await nothing;
}

/** How much can be read at this moment; 0: the end; undefined: nothing yet. */
function readNow(fd: number, buffer: Buffer): number | undefined {
  if (fd < 0) return 0;
  try {
    return readSync(fd, buffer);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? undefined : 0;
  }
}

/**
 * What a pipe of Linux holds (pipe(7)). What comes from children with a share is read here and copied before the next
 * read, of whichever child: a buffer for each read would be garbage of which V8 lets 64 MB gather.
 */
const GULP = Buffer.alloc(65_536);
/** The most that a pipe holds (/proc/sys/fs/pipe-max-size, by default); more is being written by somebody else. */
const LAST_READ_MAX_BYTES = 1 << 20;
const LOOK_EACH_FRAMES = 16;
/** What may wait for a child that is heard: far more than what a master says to a worker before it has to wait, bytes. */
const ANSWERS_MAX_BYTES = 1 << 20;
/** How soon it is looked again whether it reads, ms. */
const DEAF_LOOK_MS = 20;
/** Longer than the way from a frame to its answer. */
const HOPS = 12;
