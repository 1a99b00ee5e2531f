// The fields of a request head that decide where the connection goes and where the message ends.
import { readAuthority } from '@vhostd/protocol';
import { reject, route } from './verdict.js';
import type { Authority } from '@vhostd/protocol';
import type { RequestTarget } from './request-target.js';
import type { FieldFault } from './refusal-reason.js';
import type { HeadEdit, Verdict } from './verdict.js';

/** Names, in lower case, of the fields that {@link HeadFields.add} takes. */
export type RoutingFieldName = 'host' | 'content-length' | 'transfer-encoding' | 'connection' | 'upgrade';

/** A request line that has been read without a fault. */
export interface RequestLine {
  method: string;
  target: RequestTarget;
  version: '1.0' | '1.1';
  /** Bytes of the head up to the end of this line, its CRLF included. */
  endOffset: number;
}

/** Where the value of a field stands in its head: from behind the colon to the CR. */
export interface ValueSpan {
  from: number;
  to: number;
}

const NAMES: ReadonlySet<string> = new Set<RoutingFieldName>([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
]);
/** A connection option (RFC 9110 7.6.1) in a list. */
const UPGRADE_OPTION = /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i;
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
  #hostSpan: ValueSpan = { from: 0, to: 0 };
  #hasContentLength = false;
  #hasTransferEncoding = false;
  #hasUpgrade = false;
  #connectionUpgrades = false;

  /** Takes the raw value between colon and CRLF, and where it stands; returns a fault, or undefined. */
  add(name: RoutingFieldName, rawValue: string, span: ValueSpan): FieldFault | undefined {
    switch (name) {
      case 'host':
        return this.#addHost(rawValue, span);
      case 'content-length':
        return this.#addContentLength(rawValue);
      case 'transfer-encoding':
        return this.#addTransferEncoding(rawValue);
      case 'connection':
        this.#connectionUpgrades ||= UPGRADE_OPTION.test(rawValue);
        return undefined;
      case 'upgrade':
      default:
        this.#hasUpgrade = true;
        return undefined;
    }
  }

  /** The verdict on a complete head. */
  judge(line: RequestLine): Verdict {
    const fault = this.#framingFault(line) ?? this.#hostFault(line);
    if (fault !== undefined) return reject(fault);
    const edit = this.#edit(line);
    const authority = edit === null ? this.#host : line.target.authority;
    const host = authority?.isName === true ? authority.host : null;
    return route('http1', { host, path: line.target.path, edit });
  }

  #addHost(rawValue: string, span: ValueSpan): FieldFault | undefined {
    // RFC 9112 3.2: more than one Host field, or an invalid value, must be answered with 400.
    if (this.#host !== undefined) return 'host-duplicate';
    const value = trim(rawValue, ' \t');
    const authority = value === '' ? null : readAuthority(value);
    if (authority !== null && 'fault' in authority) return authority.fault;
    this.#host = authority;
    this.#hostSpan = span;
    return undefined;
  }

  // Below, white space behind a value is spaces only. Tabs are legal, too (RFC 9110 5.6.3), but Node's parser
  // refuses them behind a Content-Length on some versions, and behind `chunked` only after it has reported the
  // request.

  #addContentLength(rawValue: string): FieldFault | undefined {
    if (this.#hasContentLength) return 'content-length-duplicate';
    this.#hasContentLength = true;
    const value = trimEnd(trimStart(rawValue, ' \t'), ' ');
    const isValid = /^[0-9]{1,16}$/.test(value) && Number(value) <= Number.MAX_SAFE_INTEGER;
    return isValid ? undefined : 'content-length-invalid';
  }

  #addTransferEncoding(rawValue: string): FieldFault | undefined {
    // A list may be spread over several fields (RFC 9110 5.3), but no client does so with this one.
    if (this.#hasTransferEncoding) return 'transfer-encoding-duplicate';
    this.#hasTransferEncoding = true;
    const codings = rawValue.split(',').map((coding) => trimStart(coding, ' \t').toLowerCase());
    const last = trimEnd(codings.pop() ?? '', ' ');
    const before = codings.map((coding) => trimEnd(coding, ' \t'));
    if (![...before, last].every((coding) => CODING.test(coding))) return 'transfer-encoding-invalid';
    // RFC 9112 6.1 and 6.3: chunked is applied last and once, or the length cannot be known.
    return last === 'chunked' && !before.includes('chunked') ? undefined : 'transfer-encoding-not-chunked';
  }

  #framingFault({ method, version }: RequestLine): FieldFault | undefined {
    if (this.#hasTransferEncoding && this.#hasContentLength) return 'content-length-and-transfer-encoding';
    // RFC 9112 6.1: the framing of such a message is to be treated as faulty.
    if (this.#hasTransferEncoding && version === '1.0') return 'transfer-encoding-on-1.0';
    // RFC 9110 9.3.6: a CONNECT has no content; a parser that goes by the fields would read some.
    const hasFraming = this.#hasTransferEncoding || this.#hasContentLength;
    return hasFraming && method === 'CONNECT' ? 'content-on-connect' : undefined;
  }

  /**
   * RFC 9112 3.2: without a Host field, HTTP/1.1 is refused. But for what Node's parser takes, and hands to the
   * site's code: an upgrade, and CONNECT, whose target names where a tunnel leads and no site.
   *
   * An empty Host field states no host: RFC 9112 3.3 leaves such a request to a default that fits the connection,
   * here the listener's default site.
   */
  #hostFault({ method, version }: RequestLine): FieldFault | undefined {
    if (this.#host !== undefined || version === '1.0' || method === 'CONNECT') return undefined;
    return this.#hasUpgrade && this.#connectionUpgrades ? undefined : 'host-missing';
  }

  /**
   * RFC 9112 3.2.2: the authority of an absolute target takes the place of the Host field. The worker's parser
   * reports the field, so the field is made to agree where it does not.
   */
  #edit({ target, endOffset }: RequestLine): HeadEdit | null {
    const { form, authority, authorityText } = target;
    if (form !== 'absolute' || authority === null) return null;
    const host = this.#host;
    if (host === undefined) {
      return { from: endOffset, to: endOffset, text: `Host: ${authorityText}\r\n` };
    }
    const isSame =
      host !== null &&
      host.host === authority.host &&
      (host.port ?? target.defaultPort) === (authority.port ?? target.defaultPort);
    return isSame ? null : { ...this.#hostSpan, text: ` ${authorityText}` };
  }
}

/** Strips characters from both ends. */
function trim(text: string, characters: string): string {
  return trimEnd(trimStart(text, characters), characters);
}

function trimStart(text: string, characters: string): string {
  let start = 0;
  while (start < text.length && characters.includes(text.charAt(start))) start += 1;
  return text.slice(start);
}

/** A loop, as a regular expression would go over inner spaces quadratically. */
function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
