// Where the frames of a WebSocket begin and end (RFC 6455 5.2), as far as a server sends them: a close frame may be put
// between two of them, and nowhere else.

export class FrameFollower {
  /** What comes next: the answer to the upgrade, frames, or what is none of both. */
  #phase: 'answer' | 'frames' | 'unknown';
  /** The beginning of what is not whole yet: of the answer, or of a frame's head. */
  #begun: number[] = [];
  /** How much of the end of the answer's head has come. */
  #matchedCount = 0;
  /** Bytes of the present frame's payload that have not come. */
  #restBytes = 0;
  #closed = false;

  /** @param first What the server sends first: over HTTP/2 its answer is not among these bytes (RFC 8441 5). */
  constructor(first: 'answer' | 'frames' = 'answer') {
    this.#phase = first;
  }

  /** Whether the last frame is whole. */
  get atBoundary(): boolean {
    return this.#phase === 'frames' && this.#restBytes === 0 && this.#begun.length === 0;
  }

  /** Whether a close frame has been sent. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Takes what is sent, cut wherever it may be. */
  push(bytes: Uint8Array): void {
    // Most of what is written is the payload of a frame, or a part of it.
    if (this.#restBytes >= bytes.length) {
      this.#restBytes -= bytes.length;
      return;
    }
    let at = this.#phase === 'answer' ? this.#readAnswer(bytes) : 0;
    while (at < bytes.length && this.#phase === 'frames') {
      const taken = Math.min(this.#restBytes, bytes.length - at);
      this.#restBytes -= taken;
      at += taken;
      if (at < bytes.length) at = this.#readHead(bytes, at);
    }
  }

  /** Returns where the frames begin. */
  #readAnswer(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#begun.length < STATUS_LINE_BYTES) this.#begun.push(byte);
      // CR LF CR LF; after anything else a CR begins it anew.
      if (byte === (this.#matchedCount % 2 === 0 ? CR : LF)) this.#matchedCount += 1;
      else this.#matchedCount = byte === CR ? 1 : 0;
      if (this.#matchedCount < 4) continue;
      const isUpgrade = /^HTTP\/1\.1 101[ \r]/.test(String.fromCharCode(...this.#begun));
      this.#begun = [];
      this.#phase = isUpgrade ? 'frames' : 'unknown';
      return at + 1;
    }
    return bytes.length;
  }

  /** Reads on in the head of a frame; returns where it has got. */
  #readHead(bytes: Uint8Array, start: number): number {
    let at = start;
    const begun = this.#begun;
    const second = bytes[at + 1] ?? MASKED;
    if (begun.length === 0 && second < LENGTH_16) {
      // A short one, whose head is whole: as most are.
      this.#restBytes = second;
      if (((bytes[at] ?? 0) & OPCODE) === CLOSE) this.#closed = true;
      return at + 2;
    }
    while (at < bytes.length && begun.length < headBytesOf(begun)) {
      begun.push(bytes[at] ?? 0);
      at += 1;
    }
    if (begun.length < headBytesOf(begun)) return at;
    this.#restBytes = payloadBytesOf(begun);
    if (((begun[0] ?? 0) & OPCODE) === CLOSE) this.#closed = true;
    this.#begun = [];
    return at;
  }
}

/** How long the head of a frame is, as far as it can be said: two bytes, the longer length, the mask. */
function headBytesOf([, second]: readonly number[]): number {
  if (second === undefined) return 2;
  const length = second & LENGTH;
  return 2 + (length === LENGTH_64 ? 8 : length === LENGTH_16 ? 2 : 0) + (second >= MASKED ? 4 : 0);
}

function payloadBytesOf(head: readonly number[]): number {
  const length = (head[1] ?? 0) & LENGTH;
  if (length < LENGTH_16) return length;
  const end = length === LENGTH_16 ? 4 : 10;
  return head.slice(2, end).reduce((sum, byte) => sum * 256 + byte, 0);
}

const CR = 13;
const LF = 10;
/** Enough for the version and the status. */
const STATUS_LINE_BYTES = 13;
const OPCODE = 0x0f;
const CLOSE = 0x8;
const MASKED = 0x80;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
