// Framing on a link: [payload length, 4 bytes big endian][kind, 1 byte][flags, 1 byte][payload].
// Written as latin1 text, because only the string writes of a libuv pipe take a handle along.
import type { NativeHandle } from '../node/native-handle.js';

/** What a frame carries. */
export const FrameKind = {
  /** Master → worker: a connection with the bytes that were read from it. Carries a handle. */
  connection: 1,
  /** Worker → master: every connection up to a number was accepted; the connections open now. */
  accepted: 2,
  /** Worker → master: these connections arrived without their descriptor. */
  lost: 3,
  /** Worker → master: a connection to be routed again, with its unparsed bytes. Carries a handle. */
  handBack: 4,
  /** Either way: a request, an answer or a notice, as JSON. May carry a handle. */
  message: 5,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** One whole frame. */
export interface Frame {
  kind: FrameKind;
  payload: Buffer;
  /** The handle that travelled along. */
  handle: NativeHandle | undefined;
  /** A handle was sent, but this process had no descriptor left for it. */
  handleLost: boolean;
}

/** Bytes in front of each payload. */
export const FRAME_HEADER_BYTES = 6;
const FLAG_HANDLE = 1;
const KINDS: ReadonlySet<number> = new Set(Object.values(FrameKind));

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
  readonly #begun: { handle: NativeHandle | undefined }[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #wantedBytes = FRAME_HEADER_BYTES;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /**
   * Takes one read. Returns the frames that it completed, or a reason why the stream is not one of ours; after
   * that the reader must not be used again.
   */
  push(chunk: Buffer, handle: NativeHandle | undefined): Frame[] | string {
    const startOfRead = this.#bufferedBytes;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    const firstByteIsNew = startOfRead === 0;
    if (this.#bufferedBytes < this.#wantedBytes) {
      if (firstByteIsNew) this.#begun.push({ handle });
      else if (handle !== undefined) return refuse(handle, 'a descriptor came in the middle of a frame');
      return [];
    }
    this.#buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const frames: Frame[] = [];
    let offset = 0;
    let last: { handle: NativeHandle | undefined } | undefined;
    const buffer = this.#buffer;
    while (offset < buffer.length) {
      // Frames that begin in this read queue up; the one left over from earlier reads is already noted.
      if (offset >= startOfRead) {
        last = { handle: undefined };
        this.#begun.push(last);
      }
      if (buffer.length - offset < FRAME_HEADER_BYTES) {
        this.#wantedBytes = FRAME_HEADER_BYTES;
        break;
      }
      const length = buffer.readUInt32BE(offset);
      const kind = buffer.readUInt8(offset + 4);
      if (length > this.#maxPayloadBytes) return refuse(handle, `a frame of ${length} bytes`);
      if (!KINDS.has(kind)) return refuse(handle, `a frame of unknown kind ${kind}`);
      const end = offset + FRAME_HEADER_BYTES + length;
      if (end > buffer.length) {
        this.#wantedBytes = end - offset;
        break;
      }
      frames.push({
        kind: kind as FrameKind,
        payload: buffer.subarray(offset + FRAME_HEADER_BYTES, end),
        handle: undefined,
        handleLost: buffer.readUInt8(offset + 5) === FLAG_HANDLE,
      });
      offset = end;
    }
    if (handle !== undefined) {
      if (last === undefined) return refuse(handle, 'a descriptor came in the middle of a frame');
      last.handle = handle;
    }
    for (const frame of frames) {
      const came = this.#begun.shift()?.handle;
      if (came === undefined) continue;
      if (!frame.handleLost) return refuse(came, 'a descriptor came with a frame that announces none');
      frame.handle = came;
      frame.handleLost = false;
    }
    const rest = offset < buffer.length ? buffer.subarray(offset) : undefined;
    this.#chunks = rest === undefined ? [] : [rest];
    this.#bufferedBytes = rest?.length ?? 0;
    if (rest === undefined) this.#wantedBytes = FRAME_HEADER_BYTES;
    return frames;
  }

  /** Closes the handles of frames that never became whole. */
  close(): void {
    for (const { handle } of this.#begun.splice(0)) handle?.close();
    this.#chunks = [];
    this.#bufferedBytes = 0;
  }
}

function refuse(handle: NativeHandle | undefined, why: string): string {
  handle?.close();
  return why;
}

/** The front of a `connection` payload: [number of the connection, 4 bytes][1 when it is TLS, 1 byte]. */
export const CONNECTION_HEADER_BYTES = 5;
