// The three fields of a request head that decide where the connection goes and where the message ends.
import { readAuthority } from '../hosts/host-name.js';
import { reject } from './verdict.js';
import type { Authority } from '../hosts/host-name.js';
import type { RequestTarget } from './request-target.js';
import type { Verdict } from './verdict.js';

/** Names, in lower case, of the fields that {@link HeadFields.add} takes. */
export type RoutingFieldName = 'host' | 'content-length' | 'transfer-encoding';

/** A request line that has been read without a fault. */
export interface RequestLine {
  method: string;
  target: RequestTarget;
  version: '1.0' | '1.1';
}

const NAMES: ReadonlySet<string> = new Set<RoutingFieldName>(['host', 'content-length', 'transfer-encoding']);
const CODING = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Length in characters of the longest name that matters. */
export const ROUTING_FIELD_NAME_MAX_CHARS: number = Math.max(...[...NAMES].map((name) => name.length));

/** Whether a name in lower case is one of those that decide. */
export function isRoutingFieldName(name: string): name is RoutingFieldName {
  return NAMES.has(name);
}

/** Collects these fields of one head and judges them together. */
export class HeadFields {
  /** Undefined: no Host field. Null: an empty one. */
  #host: Authority | null | undefined = undefined;
  #hasContentLength = false;
  #hasTransferEncoding = false;

  /** Takes the raw value between colon and CRLF; returns a fault for logs, or undefined. */
  add(name: RoutingFieldName, rawValue: string): string | undefined {
    if (name === 'host') return this.#addHost(rawValue);
    return name === 'content-length' ? this.#addContentLength(rawValue) : this.#addTransferEncoding(rawValue);
  }

  /** The verdict on a complete head. */
  judge(line: RequestLine): Verdict {
    const fault = this.#framingFault(line) ?? this.#hostFault(line);
    return fault === undefined
      ? { kind: 'route', protocol: 'http1', host: this.#host?.host ?? null }
      : reject(fault);
  }

  #addHost(rawValue: string): string | undefined {
    // RFC 9112 3.2: more than one Host field, or an invalid value, must be answered with 400.
    if (this.#host !== undefined) return 'host-duplicate';
    const value = trim(rawValue, ' \t');
    const authority = value === '' ? null : readAuthority(value);
    if (authority !== null && 'fault' in authority) return authority.fault;
    this.#host = authority;
    return undefined;
  }

  // Below, white space around a value is spaces only. Tabs are legal, too (RFC 9110 5.6.3), but Node's parser
  // refuses them around a Content-Length on some versions, and behind `chunked` only after it has reported
  // the request.

  #addContentLength(rawValue: string): string | undefined {
    if (this.#hasContentLength) return 'content-length-duplicate';
    this.#hasContentLength = true;
    const value = trim(rawValue, ' ');
    const isValid = /^[0-9]{1,16}$/.test(value) && Number(value) <= Number.MAX_SAFE_INTEGER;
    return isValid ? undefined : 'content-length-invalid';
  }

  #addTransferEncoding(rawValue: string): string | undefined {
    // A list may be spread over several fields (RFC 9110 5.3), but no client does so with this one.
    if (this.#hasTransferEncoding) return 'transfer-encoding-duplicate';
    this.#hasTransferEncoding = true;
    const codings = rawValue.split(',').map((coding) => trim(coding, ' ').toLowerCase());
    if (!codings.every((coding) => CODING.test(coding))) return 'transfer-encoding-invalid';
    // RFC 9112 6.1 and 6.3: chunked is applied last and once, or the length cannot be known.
    return codings.indexOf('chunked') === codings.length - 1 ? undefined : 'transfer-encoding-not-chunked';
  }

  #framingFault({ method, version }: RequestLine): string | undefined {
    if (this.#hasTransferEncoding && this.#hasContentLength) return 'content-length-and-transfer-encoding';
    // RFC 9112 6.1: the framing of such a message is to be treated as faulty.
    if (this.#hasTransferEncoding && version === '1.0') return 'transfer-encoding-on-1.0';
    // RFC 9110 9.3.6: a CONNECT has no content; a parser that goes by the fields would read some.
    const hasFraming = this.#hasTransferEncoding || this.#hasContentLength;
    return hasFraming && method === 'CONNECT' ? 'content-on-connect' : undefined;
  }

  /**
   * RFC 9112 3.2.2 lets a target's authority override the Host field. The worker's parser reports the field,
   * so both must name the same, also where HTTP/1.0 would not ask for the field.
   *
   * An empty Host field on origin-form or asterisk-form states no host: RFC 9112 3.3 leaves such a request
   * to a default that fits the connection, here the listener's default site. On the other forms it
   * contradicts the target (RFC 9110 7.2).
   */
  #hostFault({ target, version }: RequestLine): string | undefined {
    const host = this.#host;
    if (host === undefined && (version === '1.1' || target.authority !== null)) return 'host-missing';
    if (target.authority === null) return undefined;
    if (host === undefined || host === null) return 'host-not-target';
    const isSame =
      host.host === target.authority.host &&
      (host.port ?? target.defaultPort) === (target.authority.port ?? target.defaultPort);
    return isSame ? undefined : 'host-not-target';
  }
}

/** Strips characters from both ends; a loop, as a regular expression would go over inner spaces quadratically. */
function trim(text: string, characters: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && characters.includes(text.charAt(start))) start += 1;
  while (end > start && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
