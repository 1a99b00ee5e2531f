// Frames out of the bytes of a peer that is not trusted, cut one at a time as they are wanted: what it has written costs
// this process its bytes until then, and no objects. Handles come over another way.
import { FRAME_HEADER_BYTES, FLAG_HANDLE, isFrameKind } from './frame.js';
import type { Frame } from './frame.js';

export class FrameCutter {
  readonly #maxPayloadBytes: number;
  #bytes: Buffer = EMPTY;
  #from = 0;
  #end = 0;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Adds a copy of these bytes. Payloads of frames that it gave before are not to be read any more. */
  push(chunk: Buffer): void {
    const restBytes = this.#end - this.#from;
    const wantedBytes = restBytes + chunk.length;
    if (wantedBytes > this.#bytes.length || (restBytes === 0 && this.#bytes.length > KEPT_MAX_BYTES)) {
      const grown = restBytes === 0 ? wantedBytes : Math.max(wantedBytes, this.#bytes.length * 2);
      const larger = Buffer.allocUnsafeSlow(Math.max(grown, KEPT_MIN_BYTES));
      this.#bytes.copy(larger, 0, this.#from, this.#end);
      this.#bytes = larger;
    } else if (this.#from > 0) this.#bytes.copyWithin(0, this.#from, this.#end);
    chunk.copy(this.#bytes, restBytes);
    this.#from = 0;
    this.#end = wantedBytes;
  }

  /** Whether {@link next} has something to say. */
  get ready(): boolean {
    const rest = this.#end - this.#from;
    if (rest < FRAME_HEADER_BYTES) return false;
    const length = this.#bytes.readUInt32BE(this.#from);
    return rest >= FRAME_HEADER_BYTES + length || this.#fault() !== undefined;
  }

  /**
   * The next frame, whose payload is good until bytes are added; `undefined` where it is not whole yet; or why these are
   * no frames of ours, from then on. `handleLost` says that it announces a handle.
   */
  next(): Frame | string | undefined {
    const rest = this.#end - this.#from;
    if (rest < FRAME_HEADER_BYTES) return undefined;
    const fault = this.#fault();
    if (fault !== undefined) return fault;
    const start = this.#from + FRAME_HEADER_BYTES;
    const end = start + this.#bytes.readUInt32BE(this.#from);
    if (end > this.#end) return undefined;
    const kind = this.#bytes.readUInt8(this.#from + KIND_AT);
    const flags = this.#bytes.readUInt8(this.#from + FLAGS_AT);
    if (!isFrameKind(kind)) return `a frame of unknown kind ${kind}`;
    const payload = this.#bytes.subarray(start, end);
    this.#from = end;
    // The room for a long one goes with it.
    if (end === this.#end && this.#bytes.length > KEPT_MAX_BYTES) this.close();
    return {
      kind,
      payload,
      handle: undefined,
      handleLost: flags === FLAG_HANDLE,
    };
  }

  /** Forgets all that it has. */
  close(): void {
    this.#bytes = EMPTY;
    this.#from = 0;
    this.#end = 0;
  }

  /** What is wrong with the header that is next. */
  #fault(): string | undefined {
    const length = this.#bytes.readUInt32BE(this.#from);
    const kind = this.#bytes.readUInt8(this.#from + KIND_AT);
    const flags = this.#bytes.readUInt8(this.#from + FLAGS_AT);
    if (length > this.#maxPayloadBytes) return `a frame of ${length} bytes`;
    if (!isFrameKind(kind)) return `a frame of unknown kind ${kind}`;
    return flags > FLAG_HANDLE ? `a frame with unknown flags ${flags}` : undefined;
  }
}

const KIND_AT = 4;
const FLAGS_AT = 5;
const EMPTY = Buffer.alloc(0);
const KEPT_MIN_BYTES = 1024;
/** What a read brings; the room for a longer frame is given back. */
const KEPT_MAX_BYTES = 131_072;
