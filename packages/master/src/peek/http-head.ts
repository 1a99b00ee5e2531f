// Reads an HTTP/1 request head strictly enough that no parser behind it can read another host out of it.
import { METHODS } from 'node:http';
import { HeadFields, ROUTING_FIELD_NAME_MAX_CHARS, isRoutingFieldName } from './head-fields.js';
import { RequestTargetReader } from './request-target.js';
import { MORE, reject, route } from './verdict.js';
import type { RequestLine, RoutingFieldName } from './head-fields.js';
import type { FieldFault } from './refusal-reason.js';
import type { RequestTarget } from './request-target.js';
import type { Verdict } from './verdict.js';

/** Limits of {@link HttpHeadScanner}. */
export interface HttpHeadLimits {
  /**
   * A head is refused with 431 when its target, field names and values together come to so many bytes, as Node
   * counts them for `maxHeaderSize` (16384 by default): keep it within the worker's. What is around them (empty
   * lines in front, method, version, colons, white space before a value, line ends) may take as much again.
   */
  headMaxBytes: number;
}

/**
 * Most header fields of a head. Node's parser keeps 1000 and, depending on its version, drops the others
 * silently or refuses them: a Host field among the others would be seen here and not there.
 */
export const HEAD_FIELDS_MAX_COUNT = 1000;

type State =
  | 'start'
  | 'leading-lf'
  | 'method'
  | 'preface'
  | 'target'
  | 'version'
  | 'line-lf'
  | 'field'
  | 'name'
  | 'value'
  | 'value-lf'
  | 'end-lf';

const TOO_LARGE = reject('head-too-large');
const METHOD_SET: ReadonlySet<string> = new Set(METHODS);
/** The client connection preface of HTTP/2 (RFC 9113 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const PREFACE_METHOD = 'PRI';
/** Every beginning of a method, so that what is no HTTP is refused at once and not when a space comes. */
const METHOD_BEGINNINGS: ReadonlySet<string> = new Set(
  [...METHODS, PREFACE_METHOD].flatMap((method) => Array.from(method, (_, end) => method.slice(0, end + 1))),
);
/** What a version looks like; its zeros stand for any digit. */
const VERSION_SHAPE = 'HTTP/0.0';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;

/** tchar of RFC 9110 5.6.2, indexed by byte. */
const IS_TOKEN = byteSet((text) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]$/.test(text));
/** What a target's path may contain, as {@link RequestTargetReader.push} has it, indexed by byte. */
const IS_PATH = byteSet((text) => /^[!"$-~]$/.test(text));
/** field-vchar, SP and HTAB of RFC 9110 5.5, indexed by byte. */
const IS_VALUE = byteSet((text) => /^[\t\u0020-\u007e\u0080-\u00ff]$/.test(text));

/**
 * Incremental scanner of one request head (RFC 9112 2 to 6). Each byte is looked at once, however the head
 * is cut; only the target and the name and value of a deciding field are kept while they are read. The verdict `route`
 * comes with the last byte of the head, a refusal with the byte that shows the fault; what follows is
 * ignored, and further pushes give the same verdict.
 *
 * Every head that it routes is read alike by the http.Server of Node 20 to 26 (llhttp 9.3 and 9.4).
 */
export class HttpHeadScanner {
  /** What each state does with a byte: goes on (undefined) or ends with a verdict. */
  static readonly #STEPS: Record<State, (scanner: HttpHeadScanner, byte: number) => Verdict | undefined> = {
    start: (scanner, byte) => scanner.#atStart(byte),
    'leading-lf': (scanner, byte) => scanner.#expectLf(byte, 'start'),
    method: (scanner, byte) => scanner.#inMethod(byte),
    preface: (scanner, byte) => scanner.#inPreface(byte),
    target: (scanner, byte) => scanner.#inTarget(byte),
    version: (scanner, byte) => scanner.#inVersion(byte),
    'line-lf': (scanner, byte) => scanner.#atLineEnd(byte),
    field: (scanner, byte) => scanner.#atField(byte),
    name: (scanner, byte) => scanner.#inName(byte),
    value: (scanner, byte) => scanner.#inValue(byte),
    'value-lf': (scanner, byte) => scanner.#expectLf(byte, 'field'),
    'end-lf': (scanner, byte) => scanner.#atEnd(byte),
  };

  readonly #headMaxBytes: number;
  readonly #fields = new HeadFields();
  #verdict: Verdict = MORE;
  #state: State = 'start';
  /** Bytes of the chunks before this one. */
  #readBytes = 0;
  /** Where the byte stands that is being looked at. */
  #offset = 0;
  /** Bytes of target, names and values. */
  #countedBytes = 0;
  #isBehindEmptyLine = false;
  #fieldCount = 0;
  #prefaceIndex = 0;
  /** The method, the version, or a field's name, while it is read. */
  #token = '';
  /** The deciding field whose value is read, null for any other field. */
  #field: RoutingFieldName | null = null;
  #value = '';
  #valueFrom = 0;
  /** A byte of the value other than white space in front of it has come. */
  #valueHasBegun = false;
  #method = '';
  #targetReader = new RequestTargetReader('');
  #target: RequestTarget | undefined = undefined;
  #version: RequestLine['version'] = '1.1';
  #lineEndOffset = 0;

  constructor(limits: HttpHeadLimits) {
    this.#headMaxBytes = limits.headMaxBytes;
  }

  /** Takes the next bytes of the connection; never keeps a reference to the chunk. */
  push(chunk: Buffer): Verdict {
    if (this.#verdict.kind !== 'more') return this.#verdict;
    const end = Math.min(chunk.length, 2 * this.#headMaxBytes - this.#readBytes);
    for (let i = 0; i < end; i++) {
      i = this.#skip(chunk, i, end);
      if (this.#countedBytes >= this.#headMaxBytes) return (this.#verdict = TOO_LARGE);
      if (i === end) break;
      this.#offset = this.#readBytes + i;
      const verdict = HttpHeadScanner.#STEPS[this.#state](this, chunk[i] ?? 0);
      if (verdict !== undefined) return (this.#verdict = verdict);
    }
    this.#readBytes += end;
    if (this.#readBytes >= 2 * this.#headMaxBytes) this.#verdict = TOO_LARGE;
    return this.#verdict;
  }

  /** Goes over the bytes that the present state takes without a decision, nearly all of a head. */
  #skip(chunk: Buffer, from: number, end: number): number {
    let i = from;
    const state = this.#state;
    if (state === 'value') return this.#skipValue(chunk, from, end);
    if (state === 'name') {
      while (i < end && IS_TOKEN[chunk[i] ?? 0] === 1) i++;
      // One character more than can match is enough to know that the name does not.
      const room = ROUTING_FIELD_NAME_MAX_CHARS + 1 - this.#token.length;
      if (i > from && room > 0) this.#token += chunk.toString('latin1', from, Math.min(i, from + room));
    } else if (state === 'target' && this.#targetReader.inPath) {
      while (i < end && IS_PATH[chunk[i] ?? 0] === 1) i++;
      if (i > from) this.#targetReader.pushPath(chunk.toString('latin1', from, i));
    }
    this.#countedBytes += i - from;
    return i;
  }

  #skipValue(chunk: Buffer, from: number, end: number): number {
    let i = from;
    if (!this.#valueHasBegun) while (i < end && (chunk[i] === SP || chunk[i] === TAB)) i++;
    const begin = i;
    while (i < end && IS_VALUE[chunk[i] ?? 0] === 1) i++;
    if (i > begin) {
      this.#valueHasBegun = true;
      this.#countedBytes += i - begin;
    }
    if (i > from && this.#field !== null) this.#value += chunk.toString('latin1', from, i);
    return i;
  }

  #expectLf(byte: number, next: State): Verdict | undefined {
    if (byte !== LF) return reject('bare-cr');
    this.#state = next;
    return undefined;
  }

  #atStart(byte: number): Verdict | undefined {
    if (byte !== CR) {
      this.#state = 'method';
      return this.#inMethod(byte);
    }
    // RFC 9112 2.2 asks for one at least to be skipped.
    this.#isBehindEmptyLine = true;
    this.#state = 'leading-lf';
    return undefined;
  }

  #inMethod(byte: number): Verdict | undefined {
    if (byte === LF) return reject('bare-lf');
    if (byte !== SP) {
      this.#token += String.fromCharCode(byte);
      return METHOD_BEGINNINGS.has(this.#token) ? undefined : reject('method-unknown');
    }
    this.#method = this.#token;
    if (this.#method === PREFACE_METHOD && !this.#isBehindEmptyLine) {
      this.#prefaceIndex = PREFACE_METHOD.length + 1;
      this.#state = 'preface';
      return undefined;
    }
    if (!METHOD_SET.has(this.#method)) return reject('method-unknown');
    this.#targetReader = new RequestTargetReader(this.#method);
    this.#state = 'target';
    return undefined;
  }

  #inPreface(byte: number): Verdict | undefined {
    if (byte !== PREFACE[this.#prefaceIndex]) return reject('http2-preface');
    this.#prefaceIndex += 1;
    return this.#prefaceIndex === PREFACE.length ? route('http2') : undefined;
  }

  #inTarget(byte: number): Verdict | undefined {
    if (byte === LF) return reject('bare-lf');
    // HTTP/0.9 ends its only line here.
    if (byte === CR) return reject('version-missing');
    if (byte !== SP) {
      this.#countedBytes += 1;
      const fault = this.#targetReader.push(byte);
      return fault === undefined ? undefined : reject(fault);
    }
    const target = this.#targetReader.end();
    if ('fault' in target) return reject(target.fault);
    this.#target = target;
    this.#token = '';
    this.#state = 'version';
    return undefined;
  }

  #inVersion(byte: number): Verdict | undefined {
    if (byte === LF) return reject('bare-lf');
    if (byte !== CR) {
      const shape = VERSION_SHAPE.charCodeAt(this.#token.length);
      this.#token += String.fromCharCode(byte);
      const isPlausible = shape === ZERO ? byte >= ZERO && byte <= NINE : byte === shape;
      return isPlausible ? undefined : reject('version-invalid');
    }
    if (this.#token.length !== VERSION_SHAPE.length) return reject('version-invalid');
    const version = this.#token.slice('HTTP/'.length);
    if (version !== '1.0' && version !== '1.1') return reject('version-unsupported');
    this.#version = version;
    this.#state = 'line-lf';
    return undefined;
  }

  #atLineEnd(byte: number): Verdict | undefined {
    this.#lineEndOffset = this.#offset + 1;
    return this.#expectLf(byte, 'field');
  }

  #atField(byte: number): Verdict | undefined {
    if (byte === CR) {
      this.#state = 'end-lf';
      return undefined;
    }
    // RFC 9112 5.2, and 2.2 for the first field.
    if (byte === SP || byte === TAB) return reject('obs-fold');
    this.#fieldCount += 1;
    if (this.#fieldCount > HEAD_FIELDS_MAX_COUNT) return reject('too-many-fields');
    this.#state = 'name';
    this.#countedBytes += 1;
    this.#token = IS_TOKEN[byte] === 1 ? String.fromCharCode(byte) : '';
    return this.#token === '' ? this.#inName(byte) : undefined;
  }

  #inName(byte: number): Verdict | undefined {
    // The name's own characters have been skipped.
    if (byte !== COLON) return reject(this.#nameFault(byte));
    if (this.#token === '') return reject('name-empty');
    const name = this.#token.toLowerCase();
    this.#field = isRoutingFieldName(name) ? name : null;
    this.#value = '';
    this.#valueFrom = this.#offset + 1;
    this.#valueHasBegun = false;
    this.#state = 'value';
    return undefined;
  }

  #nameFault(byte: number): FieldFault {
    if (byte === LF) return 'bare-lf';
    if (byte === CR) return 'colon-missing';
    // RFC 9112 5.1: white space before the colon must be refused.
    return byte === SP || byte === TAB ? 'space-before-colon' : 'name-char';
  }

  #inValue(byte: number): Verdict | undefined {
    // The value's own characters have been skipped.
    if (byte !== CR) return reject(byte === LF ? 'bare-lf' : 'value-char');
    this.#state = 'value-lf';
    if (this.#field === null) return undefined;
    const fault = this.#fields.add(this.#field, this.#value, { from: this.#valueFrom, to: this.#offset });
    this.#value = '';
    return fault === undefined ? undefined : reject(fault);
  }

  #atEnd(byte: number): Verdict | undefined {
    if (byte !== LF) return reject('bare-cr');
    if (this.#target === undefined) return reject('target-empty');
    return this.#fields.judge({
      method: this.#method,
      target: this.#target,
      version: this.#version,
      endOffset: this.#lineEndOffset,
    });
  }
}

function byteSet(includes: (text: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (includes(String.fromCharCode(byte)) ? 1 : 0));
}
