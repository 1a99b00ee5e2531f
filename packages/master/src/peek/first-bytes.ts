// The entrance of peeking: chooses the reader by the listener's type and the first byte.
import { ClientHelloReader } from './client-hello.js';
import { HttpHeadScanner } from './http-head.js';
import { MORE, reject } from './verdict.js';
import type { HelloLimits } from './client-hello.js';
import type { HttpHeadLimits } from './http-head.js';
import type { Verdict } from './verdict.js';

/** What a listener speaks: HTTP in clear, or TLS. */
export type ListenerKind = 'tcp' | 'ssl';

/** Limits of {@link FirstBytes}. */
export interface FirstBytesLimits extends HttpHeadLimits, HelloLimits {}

/** First byte of a TLS connection: a record of type handshake(22). No HTTP/1 head begins with it. */
const TLS_FIRST_BYTE = 0x16;

/**
 * Reads the first bytes of one connection. A client that speaks the other protocol than the listener is
 * refused at its first byte (`tls-on-http-port`, `http-on-tls-port`). Once there is a verdict other than
 * `more`, further pushes give the same one.
 */
export class FirstBytes {
  readonly #kind: ListenerKind;
  readonly #limits: FirstBytesLimits;
  #reader: { push(chunk: Buffer): Verdict } | undefined = undefined;

  constructor(kind: ListenerKind, limits: FirstBytesLimits) {
    this.#kind = kind;
    this.#limits = limits;
  }

  /** Takes the next bytes of the connection; never keeps a reference to the chunk. */
  push(chunk: Buffer): Verdict {
    const [firstByte] = chunk;
    if (firstByte === undefined && this.#reader === undefined) return MORE;
    this.#reader ??= this.#readerFor(firstByte ?? 0);
    return this.#reader.push(chunk);
  }

  #readerFor(firstByte: number): { push(chunk: Buffer): Verdict } {
    const isTls = firstByte === TLS_FIRST_BYTE;
    if (this.#kind === 'ssl') {
      return isTls || !startsHttp(firstByte)
        ? new ClientHelloReader(this.#limits)
        : new Refusing(reject('http-on-tls-port'));
    }
    return isTls ? new Refusing(reject('tls-on-http-port')) : new HttpHeadScanner(this.#limits);
  }
}

/** Says no, whatever comes. */
class Refusing {
  readonly #verdict: Verdict;

  constructor(verdict: Verdict) {
    this.#verdict = verdict;
  }

  push(): Verdict {
    return this.#verdict;
  }
}

/** An upper-case letter, as every method begins with, or the CR of an empty line before it. */
function startsHttp(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === 0x0d;
}
