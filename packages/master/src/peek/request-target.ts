// The request target of an HTTP/1 request, read byte by byte: which form it has and which authority it names.
import { readAuthority } from '../hosts/host-name.js';
import type { Authority } from '../hosts/host-name.js';

/**
 * A target in one of the forms of RFC 9112 3.2; `authority` is null where the form has none. The port of an
 * absolute target is its scheme's when it states none.
 */
export interface RequestTarget {
  form: 'origin' | 'absolute' | 'authority' | 'asterisk';
  authority: Authority | null;
  /** The port that an authority without one stands for; null for authority-form, which has no default. */
  defaultPort: number | null;
}

/** What {@link RequestTargetReader.end} found. */
export type RequestTargetReading = RequestTarget | { fault: string };

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };
const ABSOLUTE = /^(https?):\/\/(.*)$/i;
const SLASH = 0x2f;
const HASH = 0x23;
const ASTERISK = 0x2a;
const QUESTION = 0x3f;

/** Keeps nothing but the scheme and authority of a target; its path may be of any length. */
export class RequestTargetReader {
  readonly #method: string;
  #form: RequestTarget['form'] | undefined = undefined;
  #prefix = '';
  #slashCount = 0;
  #inPath = false;

  constructor(method: string) {
    this.#method = method;
  }

  /**
   * Takes one byte; returns a fault for logs, or undefined. Beyond RFC 3986 it lets the visible characters pass
   * that browsers send undecoded (`|`, `[`, `"` ...), but none outside ASCII, which Node's parser refuses.
   */
  push(byte: number): string | undefined {
    if (byte <= 0x20 || byte >= 0x7f) return 'target-char';
    if (byte === HASH) return 'target-fragment';
    if (this.#form === undefined) return this.#begin(byte);
    if (this.#form === 'asterisk') return 'target-form';
    if (this.#inPath) return undefined;
    this.#keep(byte);
    return undefined;
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
    return { form: this.#form, authority: null, defaultPort: null };
  }

  #begin(byte: number): string | undefined {
    if (this.#method === 'CONNECT') {
      this.#form = 'authority';
    } else if (byte === SLASH) {
      this.#form = 'origin';
      this.#inPath = true;
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
      if (this.#inPath) return;
    }
    this.#prefix += String.fromCharCode(byte);
  }

  #endAuthority(): RequestTargetReading {
    const authority = readAuthority(this.#prefix);
    if ('fault' in authority) return { fault: `target-${authority.fault}` };
    // RFC 9110 9.3.6: a CONNECT with an empty or invalid port must be refused.
    if (authority.port === null || authority.port === 0) return { fault: 'target-host-port' };
    return { form: 'authority', authority, defaultPort: null };
  }

  #endAbsolute(): RequestTargetReading {
    const [, scheme, text] = ABSOLUTE.exec(this.#prefix) ?? [];
    if (scheme === undefined || text === undefined) return { fault: 'target-form' };
    const authority = readAuthority(text);
    if ('fault' in authority) return { fault: `target-${authority.fault}` };
    return { form: 'absolute', authority, defaultPort: DEFAULT_PORTS[scheme.toLowerCase()] ?? null };
  }
}
