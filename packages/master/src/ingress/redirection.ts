// The answer to a request in clear for a host that is served with TLS.

/**
 * A complete answer, which ends the connection: the same host and target with HTTPS. Undefined where the request is to be
 * served: a certificate authority asks in clear whether a host is its own (RFC 8555 8.3).
 * @param host As the router reads it.
 * @param head The request's bytes, from the first one on, as latin1 text.
 */
export function redirection(host: string, port: number, head: string): Buffer | undefined {
  const target = REQUEST_LINE.exec(head)?.groups?.['target'] ?? '/';
  const path = ABSOLUTE.test(target) ? target.replace(ABSOLUTE, '') : target;
  if (path.startsWith(CHALLENGE_PATH)) return undefined;
  // `OPTIONS *` and CONNECT name no path; `http://a.test?x` none before its query.
  const origin = path.startsWith('/') ? path : `/${path.startsWith('?') ? path : ''}`;
  const escaped = origin.replaceAll(NOT_ASCII, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
  const location = `https://${host}${port === HTTPS_PORT ? '' : `:${port}`}${escaped}`;
  const fields = [
    'HTTP/1.1 308 Permanent Redirect',
    `Date: ${new Date().toUTCString()}`,
    'Connection: close',
    `Location: ${location}`,
    'Content-Length: 0',
  ];
  return Buffer.from(`${fields.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** Behind the empty lines that may be in front of it (RFC 9112 2.2). */
const REQUEST_LINE = /^(?:\r\n)*\S+ (?<target>\S+) HTTP\/1\.[01]\r\n/;
const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;
const NOT_ASCII = /[^!-~]/g;
const CHALLENGE_PATH = '/.well-known/acme-challenge/';
const HTTPS_PORT = 443;
