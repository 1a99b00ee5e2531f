// Framing on a link: [payload length, 4 bytes big endian][kind, 1 byte][flags, 1 byte][payload].
// Written as latin1 text, because only the string writes of a libuv pipe take a handle along.
import type { NativeHandle } from '../node/native-handle.js';
import { GatheredBytes } from './gathered-bytes.js';

/** What a frame carries. */
export const FrameKind = {
  /** Master → worker: a connection (connection-header.ts). Carries a handle. */
  connection: 1,
  /** Worker → master: every connection up to a number was accepted; the connections open now. */
  accepted: 2,
  /** Worker → master: these connections arrived without their descriptor. */
  lost: 3,
  /** Worker → master: a connection to be given to another worker (connection-header.ts). Carries a handle. */
  handBack: 4,
  /** Either way: a request, an answer or a notice, as JSON. May carry a handle. */
  message: 5,
  /** Master → worker: what becomes of a connection that was handed back. */
  handBackAnswer: 6,
  /** Master → worker that was started ahead of need: what it is to be (begin.ts). The first frame, or none. */
  begin: 7,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** One whole frame. */
export interface Frame {
  kind: FrameKind;
  /** To be read at once: its memory may be used for what comes next. */
  payload: Buffer;
  /** The handle that travelled along. */
  handle: NativeHandle | undefined;
  /** A handle was sent, but this process had no descriptor left for it. */
  handleLost: boolean;
}

/** Bytes in front of each payload. */
export const FRAME_HEADER_BYTES = 6;
/** The only flag: a handle comes along. */
export const FLAG_HANDLE = 1;
const KINDS: ReadonlySet<unknown> = new Set(Object.values(FrameKind));

/** The header and payload of a frame as latin1 text. */
export function encodeFrame(kind: FrameKind, payload: string, withHandle: boolean): string {
  const length = payload.length;
  return (
    String.fromCharCode(
      length >>> 24,
      (length >>> 16) & 255,
      (length >>> 8) & 255,
      length & 255,
      kind,
      withHandle ? FLAG_HANDLE : 0,
    ) + payload
  );
}

/**
 * Cuts a byte stream into frames and gives each handle to the frame that it was sent with.
 *
 * The kernel ends a read behind the first message that carried a descriptor (unix(7), SCM_RIGHTS), and a
 * descriptor arrives with the first byte it was sent with. So the handle of a read belongs to the last frame
 * that begins in that read; a frame that should carry one and begins in a read without has lost it.
 */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  /** The frames that have begun and are not returned yet, with the handle of the read in which each began. */
  readonly #begun: { handle: NativeHandle | undefined }[] = [];
  readonly #gathered = new GatheredBytes();
  #wantedBytes = FRAME_HEADER_BYTES;
  #before: Frame[] = [];

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /**
   * Takes one read, whose memory is the reader's and the frames' from then on. Returns the frames that it
   * completed, or a reason why the stream is not one of ours; then every handle is closed but those of
   * {@link takeBefore}, and the reader takes nothing more.
   */
  push(chunk: Buffer, handle: NativeHandle | undefined): Frame[] | string {
    const startOfRead = this.#gathered.length;
    const whole = startOfRead + chunk.length >= this.#wantedBytes;
    if (startOfRead > 0 || !whole) this.#gathered.append(chunk);
    if (!whole) {
      if (startOfRead === 0 && chunk.length > 0) this.#begun.push({ handle });
      else if (handle !== undefined) return this.#refuse(handle, [], MISPLACED);
      return [];
    }
    const buffer = startOfRead > 0 ? this.#gathered.take() : chunk;
    const frames: Frame[] = [];
    let offset = 0;
    let last: { handle: NativeHandle | undefined } | undefined;
    this.#wantedBytes = FRAME_HEADER_BYTES;
    while (offset < buffer.length) {
      // Frames that begin in this read queue up; the one left over from earlier reads is already noted.
      if (offset >= startOfRead) {
        last = { handle: undefined };
        this.#begun.push(last);
      }
      if (buffer.length - offset < FRAME_HEADER_BYTES) break;
      const length = buffer.readUInt32BE(offset);
      const kind = buffer.readUInt8(offset + 4);
      const flags = buffer.readUInt8(offset + 5);
      if (length > this.#maxPayloadBytes) return this.#refuse(handle, frames, `a frame of ${length} bytes`);
      if (!isFrameKind(kind)) return this.#refuse(handle, frames, `a frame of unknown kind ${kind}`);
      if (flags > FLAG_HANDLE) return this.#refuse(handle, frames, `a frame with unknown flags ${flags}`);
      const end = offset + FRAME_HEADER_BYTES + length;
      if (end > buffer.length) {
        this.#wantedBytes = end - offset;
        break;
      }
      const payload = buffer.subarray(offset + FRAME_HEADER_BYTES, end);
      frames.push({ kind, payload, handle: undefined, handleLost: flags === FLAG_HANDLE });
      offset = end;
    }
    if (handle !== undefined) {
      if (last === undefined) return this.#refuse(handle, frames, MISPLACED);
      last.handle = handle;
    }
    const { count, surplus } = this.#assign(frames);
    if (surplus !== undefined) return this.#end(surplus, frames.slice(0, count), UNANNOUNCED);
    if (offset < buffer.length) this.#gathered.append(buffer.subarray(offset));
    return frames;
  }

  /** Closes the handles of frames that never became whole, or that nobody took. */
  close(): void {
    for (const { handle } of [...this.#begun.splice(0), ...this.#before.splice(0)]) handle?.close();
    this.#gathered.clear();
  }

  /** The whole frames that came before the fault, with the read that had it. The caller owns their handles. */
  takeBefore(): Frame[] {
    return this.#before.splice(0);
  }

  /** Gives each frame its handle; stops at one that announces none and got one, which is `surplus`. */
  #assign(frames: readonly Frame[]): { count: number; surplus: NativeHandle | undefined } {
    for (const [count, frame] of frames.entries()) {
      const came = this.#begun.shift()?.handle;
      if (came === undefined) continue;
      if (!frame.handleLost) return { count, surplus: came };
      frame.handle = came;
      frame.handleLost = false;
    }
    return { count: frames.length, surplus: undefined };
  }

  /** A fault behind whole frames. */
  #refuse(handle: NativeHandle | undefined, frames: readonly Frame[], why: string): string {
    const { count, surplus } = this.#assign(frames);
    surplus?.close();
    return this.#end(handle, frames.slice(0, count), why);
  }

  #end(handle: NativeHandle | undefined, before: Frame[], why: string): string {
    handle?.close();
    this.close();
    this.#before = before;
    return why;
  }
}

const MISPLACED = 'a descriptor that came in the middle of a frame';
const UNANNOUNCED = 'a descriptor that came with a frame that announces none';

/** Whether this number is the kind of a frame. */
export function isFrameKind(value: unknown): value is FrameKind {
  return KINDS.has(value);
}
