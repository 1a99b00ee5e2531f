// The request target of an HTTP/1 request, read byte by byte: which form it has and which authority it names.
import { readAuthority } from '@vhostd/protocol';
import type { Authority } from '@vhostd/protocol';
import type { LineFault } from './refusal-reason.js';

/**
 * A target in one of the forms of RFC 9112 3.2; `authority` is null where the form has none. The port of an
 * absolute target is its scheme's when it states none.
 */
export interface RequestTarget {
  form: 'origin' | 'absolute' | 'authority' | 'asterisk';
  authority: Authority | null;
  /** The authority as it was written; empty where the form has none. */
  authorityText: string;
  /** As it was written, without the query; null where the form has none. */
  path: string | null;
  /** The port that an authority without one stands for; null for authority-form, which has no default. */
  defaultPort: number | null;
}

/** What {@link RequestTargetReader.end} found. */
export type RequestTargetReading = RequestTarget | { fault: LineFault };

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };
const ABSOLUTE = /^(https?):\/\/(.*)$/i;
const SLASH = 0x2f;
const HASH = 0x23;
const ASTERISK = 0x2a;
const QUESTION = 0x3f;

/** Reads one target; what it keeps is as long as the target. */
export class RequestTargetReader {
  readonly #method: string;
  #form: RequestTarget['form'] | undefined = undefined;
  #prefix = '';
  #slashCount = 0;
  #inPath = false;
  #path = '';
  #inQuery = false;

  constructor(method: string) {
    this.#method = method;
  }

  /**
   * Takes one byte; returns a fault for logs, or undefined. Beyond RFC 3986 it lets the visible characters pass
   * that browsers send undecoded (`|`, `[`, `"` ...), but none outside ASCII, which Node's parser refuses.
   */
  push(byte: number): LineFault | undefined {
    if (byte <= 0x20 || byte >= 0x7f) return 'target-char';
    if (byte === HASH) return 'target-fragment';
    if (this.#form === undefined) return this.#begin(byte);
    if (this.#form === 'asterisk') return 'target-form';
    if (this.#inPath) this.pushPath(String.fromCharCode(byte));
    else this.#keep(byte);
    return undefined;
  }

  /** Takes a run of bytes at once that {@link push} would not refuse, when {@link inPath}. */
  pushPath(text: string): void {
    if (this.#inQuery) return;
    const question = text.indexOf('?');
    this.#inQuery = question !== -1;
    this.#path += this.#inQuery ? text.slice(0, question) : text;
  }

  /** Whether the authority, if any, has been read: visible characters other than `#` change nothing any more. */
  get inPath(): boolean {
    return this.#inPath;
  }

  /** The whole target; call it once, at the space behind it. */
  end(): RequestTargetReading {
    if (this.#form === undefined) return { fault: 'target-empty' };
    if (this.#form === 'authority') return this.#endAuthority();
    if (this.#form === 'absolute') return this.#endAbsolute();
    const path = this.#form === 'origin' ? this.#path : null;
    return { form: this.#form, authority: null, authorityText: '', path, defaultPort: null };
  }

  #begin(byte: number): LineFault | undefined {
    if (this.#method === 'CONNECT') {
      this.#form = 'authority';
    } else if (byte === SLASH) {
      this.#form = 'origin';
      this.#inPath = true;
      this.#path = '/';
      return undefined;
    } else if (byte === ASTERISK) {
      this.#form = 'asterisk';
      // RFC 9112 3.2.4: for a server-wide OPTIONS only.
      return this.#method === 'OPTIONS' ? undefined : 'target-form';
    } else {
      this.#form = 'absolute';
    }
    this.#keep(byte);
    return undefined;
  }

  #keep(byte: number): void {
    if (this.#form === 'absolute') {
      if (byte === SLASH) this.#slashCount += 1;
      // Two slashes belong to `://`; the third or a question mark ends the authority (RFC 3986 3.2).
      this.#inPath = this.#slashCount === 3 || byte === QUESTION;
      if (this.#inPath) {
        // RFC 9110 4.2.3: an empty path is the same as '/'.
        this.#path = '/';
        this.#inQuery = byte === QUESTION;
        return;
      }
    }
    this.#prefix += String.fromCharCode(byte);
  }

  #endAuthority(): RequestTargetReading {
    const authority = readAuthority(this.#prefix);
    if ('fault' in authority) return { fault: `target-${authority.fault}` };
    // RFC 9110 9.3.6: a CONNECT with an empty or invalid port must be refused.
    if (authority.port === null || authority.port === 0) return { fault: 'target-host-port' };
    return { form: 'authority', authority, authorityText: this.#prefix, path: null, defaultPort: null };
  }

  #endAbsolute(): RequestTargetReading {
    const [, scheme, text] = ABSOLUTE.exec(this.#prefix) ?? [];
    if (scheme === undefined || text === undefined) return { fault: 'target-form' };
    const authority = readAuthority(text);
    if ('fault' in authority) return { fault: `target-${authority.fault}` };
    const defaultPort = DEFAULT_PORTS[scheme.toLowerCase()] ?? null;
    return { form: 'absolute', authority, authorityText: text, path: this.#path || '/', defaultPort };
  }
}
