// Reads the server name out of a TLS connection's first records, however they are cut.
import { readHelloMessage } from './hello-message.js';
import { MORE, reject } from './verdict.js';
import type { Demand, HelloReading } from './hello-message.js';
import type { HelloFault } from './refusal-reason.js';
import type { Verdict } from './verdict.js';

/** Limits of {@link ClientHelloReader}. */
export interface HelloLimits {
  /**
   * Most bytes of the ClientHello message, its 4-byte header included and the record headers not; a larger
   * one is refused with 431 as soon as its length is known. A client may cut the message into records of one
   * byte, so six times as many bytes can arrive before the verdict.
   */
  helloMaxBytes: number;
}

const RECORD_HEADER_BYTES = 5;
/** change_cipher_spec to heartbeat, the content types of TLS. */
const RECORD_TYPE_MIN = 20;
const RECORD_TYPE_MAX = 24;
const RECORD_HANDSHAKE = 22;
const VERSION_MAJOR = 3;
/** Most bytes of a plaintext record's fragment (RFC 8446 5.1). */
const FRAGMENT_MAX_BYTES = 16_384;
const NOTHING = Buffer.alloc(0);

/**
 * Incremental reader of one ClientHello: record layer (RFC 8446 5.1) of any version 3.x, fragments joined.
 * Each byte is looked at once; only the server name is kept. The verdict `route` (host: the SNI, or null)
 * comes with the last byte of the message; what follows is ignored, and further pushes give the same verdict.
 */
export class ClientHelloReader {
  readonly #message: HelloReading;
  #demand: Demand;
  /** The bytes of a `take` so far; replaced with every demand. */
  #taken: Buffer = NOTHING;
  /** Bytes that the demand has been given, taken or skipped. */
  #givenBytes = 0;
  #recordHeader: Buffer = Buffer.alloc(RECORD_HEADER_BYTES);
  #recordHeaderBytes = 0;
  #fragmentBytesLeft = 0;
  #verdict: Verdict = MORE;

  constructor(limits: HelloLimits) {
    this.#message = readHelloMessage(limits.helloMaxBytes);
    this.#demand = { kind: 'take', byteCount: 0 };
    this.#advance(NOTHING);
  }

  /** Takes the next bytes of the connection; never keeps a reference to the chunk. */
  push(chunk: Buffer): Verdict {
    let offset = 0;
    while (this.#verdict.kind === 'more' && offset < chunk.length) {
      offset +=
        this.#fragmentBytesLeft === 0 ? this.#readHeader(chunk, offset) : this.#readFragment(chunk, offset);
    }
    return this.#verdict;
  }

  /** Returns how many bytes of the chunk it used. */
  #readHeader(chunk: Buffer, offset: number): number {
    const used = chunk.copy(this.#recordHeader, this.#recordHeaderBytes, offset);
    this.#recordHeaderBytes += used;
    const fault = headerFault(this.#recordHeader, this.#recordHeaderBytes);
    if (fault !== undefined) {
      this.#verdict = reject(fault);
    } else if (this.#recordHeaderBytes === RECORD_HEADER_BYTES) {
      this.#recordHeaderBytes = 0;
      this.#fragmentBytesLeft = this.#recordHeader.readUInt16BE(3);
    }
    return used;
  }

  /** Returns how many bytes of the chunk it used. */
  #readFragment(chunk: Buffer, offset: number): number {
    const wanted = this.#demand.byteCount - this.#givenBytes;
    const used = Math.min(wanted, this.#fragmentBytesLeft, chunk.length - offset);
    if (this.#demand.kind === 'take') chunk.copy(this.#taken, this.#givenBytes, offset, offset + used);
    this.#givenBytes += used;
    this.#fragmentBytesLeft -= used;
    if (this.#givenBytes === this.#demand.byteCount) this.#advance(this.#taken);
    return used;
  }

  /** Answers the demand and goes on to the next that wants any bytes, or to the verdict. */
  #advance(answer: Buffer): void {
    let next = this.#message.next(answer);
    while (next.done !== true && next.value.byteCount === 0) next = this.#message.next(NOTHING);
    if (next.done === true) {
      this.#verdict = next.value;
      return;
    }
    this.#demand = next.value;
    this.#givenBytes = 0;
    this.#taken = next.value.kind === 'take' ? Buffer.alloc(next.value.byteCount) : NOTHING;
  }
}

/** Judges as much of a record header as is there, so that the verdict does not depend on how it was cut. */
function headerFault(header: Buffer, byteCount: number): HelloFault | undefined {
  const [type = 0, major] = header;
  if (byteCount >= 1 && type !== RECORD_HANDSHAKE) {
    return type >= RECORD_TYPE_MIN && type <= RECORD_TYPE_MAX ? 'tls-record-type' : 'not-tls';
  }
  if (byteCount >= 2 && major !== VERSION_MAJOR) return 'tls-record-version';
  if (byteCount < RECORD_HEADER_BYTES) return undefined;
  const length = header.readUInt16BE(3);
  // RFC 8446 5.1: no empty fragments of the handshake. OpenSSL takes up to 32 of them.
  if (length === 0) return 'tls-record-empty';
  return length > FRAGMENT_MAX_BYTES ? 'tls-record-too-large' : undefined;
}
