// Who may use the page: whoever knows the token that the terminal shows, in a browser of this machine.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Why a request is refused. */
export interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly message: string;
}

export class Access {
  /** For the address that a person opens; it can be used again. */
  readonly token: string = secret();
  readonly #session = secret();
  readonly #tickets = new Set<string>();

  /** A token that can be used once: other users of the machine see how a browser is started, and with which address. */
  issueTicket(): string {
    const ticket = secret();
    this.#tickets.add(ticket);
    return ticket;
  }

  /** The `Set-Cookie` that a token is worth; undefined where it is not one. */
  exchange(token: string, port: number): string | undefined {
    if (!this.#tickets.delete(token) && !isSame(token, this.token)) return undefined;
    return `${cookieName(port)}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /**
   * Of any request: one for another host's name comes from a page of that host whose name leads here now (DNS
   * rebinding). The port does not matter: it may be forwarded.
   */
  refuseHost({ headers }: IncomingMessage): Refusal | undefined {
    if (LOOPBACK_HOST.test(headers.host ?? '')) return undefined;
    return { status: 421, message: 'This page is at 127.0.0.1, ::1 or localhost only.' };
  }

  /** Of a request that shows or changes something. */
  refuse(request: IncomingMessage, port: number): Refusal | undefined {
    const { method, headers } = request;
    if (!isSame(cookieOf(headers.cookie ?? '', cookieName(port)), this.#session)) {
      return { status: 401, message: 'Open the address that vhostd dashboard has printed.' };
    }
    const from = headers['sec-fetch-site'];
    const isForeign = from !== undefined && from !== 'same-origin' && from !== 'none';
    if (isForeign || (method !== 'GET' && headers.origin !== `http://${headers.host ?? ''}`)) {
      return { status: 403, message: 'Requests of other pages are refused.' };
    }
    return undefined;
  }
}

const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/iu;

/** Cookies belong to a host, not to a port: two dashboards must not take each other's. */
function cookieName(port: number): string {
  return `vhostd-dashboard-${port}`;
}

function cookieOf(header: string, name: string): string {
  const pair = header.split('; ').find((text) => text.startsWith(`${name}=`));
  return pair?.slice(name.length + 1) ?? '';
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

/** Takes as long wherever they differ. */
function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
