// What certificate authorities ask hosts for to see that they are here: answered for orders of vhostd's own only, all else
// goes to the sites.
import type { Challenges as Pending } from '@vhostd/protocol';
import type { Connection } from './connection.js';

export class Challenges {
  /** Takes a connection within which the proof is given; set while there is a process that does so. */
  prove: ((connection: Connection) => void) | undefined;
  /** By host and token. */
  #texts: ReadonlyMap<string, string> = new Map();
  #names: ReadonlySet<string> = new Set();

  /** All that is to be answered from now on. */
  set({ http, tls }: Pending): void {
    this.#texts = new Map(
      http.map(({ host, token, keyAuthorization }) => [`${host} ${token}`, keyAuthorization]),
    );
    this.#names = new Set(tls);
  }

  /** A complete answer to a request in clear (RFC 8555 8.3), which ends the connection; undefined: it is the site's. */
  answerTo({ secure, host, head }: Connection): Buffer | undefined {
    if (secure || host === null || this.#texts.size === 0) return undefined;
    const token = REQUEST_LINE.exec(head)?.groups?.['token'];
    const text = this.#texts.get(`${host} ${token}`);
    if (text === undefined) return undefined;
    const fields = [
      'HTTP/1.1 200 OK',
      `Date: ${new Date().toUTCString()}`,
      'Connection: close',
      'Content-Type: application/octet-stream',
      `Content-Length: ${text.length}`,
    ];
    return Buffer.from(`${fields.join('\r\n')}\r\n\r\n${text}`, 'latin1');
  }

  /** Whether a hello asks for a proof (RFC 8737); then that is given, or the connection ends. */
  takes(connection: Connection, alpn: readonly string[] | null): boolean {
    const { secure, host } = connection;
    if (!secure || host === null || alpn?.length !== 1 || alpn[0] !== 'acme-tls/1') return false;
    if (this.prove === undefined || !this.#names.has(host)) return false;
    this.prove(connection);
    return true;
  }
}

const REQUEST_LINE =
  /^(?:\r\n)*GET (?:http:\/\/[^/?\s]+)?\/\.well-known\/acme-challenge\/(?<token>[\w-]+) HTTP\/1\.[01]\r\n/;
