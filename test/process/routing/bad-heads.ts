// Requests that must be refused, by the status that they get.

/** A request as bytes, and why it is wrong. */
export interface BadHead {
  what: string;
  bytes: string;
}

const head = (line: string, ...fields: string[]): string => `${[line, ...fields].join('\r\n')}\r\n\r\n`;
const get = (...fields: string[]): string => head('GET / HTTP/1.1', ...fields);
const HOST = 'Host: a.test';

/** For a site a.test and a head limit of `headMaxBytes`. */
export function badHeads(headMaxBytes: number): Record<400 | 421 | 431 | 505, BadHead[]> {
  return {
    400: [
      { what: 'no Host', bytes: get() },
      { what: 'two Host fields', bytes: get(HOST, 'Host: b.test') },
      { what: 'the same Host twice', bytes: get(HOST, HOST) },
      { what: 'a host with a space', bytes: get('Host: a.test b.test') },
      { what: 'a host with a path and a user', bytes: get('Host: a.test/../b@b.test') },
      { what: 'an invalid port', bytes: get('Host: a.test:99999') },
      { what: 'a space before the colon', bytes: get('Host : a.test') },
      { what: 'a folded field', bytes: get(HOST, 'X-A: one', ' two') },
      { what: 'a bare LF after the request line', bytes: 'GET / HTTP/1.1\nHost: a.test\r\n\r\n' },
      { what: 'a bare LF after a field', bytes: 'GET / HTTP/1.1\r\nHost: a.test\n\r\n' },
      { what: 'a bare CR', bytes: 'GET / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n' },
      { what: 'a NUL', bytes: get(HOST, 'X-A: a\0b') },
      {
        what: 'Content-Length and Transfer-Encoding',
        bytes: get(HOST, 'Content-Length: 3', 'Transfer-Encoding: chunked'),
      },
      { what: 'two Content-Length fields', bytes: get(HOST, 'Content-Length: 3', 'Content-Length: 3') },
      { what: 'an invalid Content-Length', bytes: get(HOST, 'Content-Length: +3') },
      { what: 'a coding behind chunked', bytes: get(HOST, 'Transfer-Encoding: chunked, gzip') },
      {
        what: 'Transfer-Encoding with HTTP/1.0',
        bytes: head('POST / HTTP/1.0', HOST, 'Transfer-Encoding: chunked'),
      },
      { what: 'an absolute target without Host', bytes: head('GET http://a.test/ HTTP/1.1') },
      { what: 'HTTP/0.9', bytes: 'GET /\r\n\r\n' },
      { what: 'an unknown method', bytes: head('FETCH / HTTP/1.1', HOST) },
      { what: 'no HTTP', bytes: 'SSH-2.0-OpenSSH_9.7\r\n' },
      { what: 'TLS on a port for clear text', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' },
    ],
    421: [
      { what: 'an unknown host', bytes: get('Host: nobody.test') },
      { what: 'a name above a known one', bytes: get('Host: test') },
      { what: 'a name below a known one', bytes: get('Host: sub.a.test') },
      { what: 'an empty host', bytes: get('Host:') },
      { what: 'a list of hosts', bytes: get('Host: a.test,b.test') },
      { what: 'an encoded host', bytes: get('Host: a%2etest') },
      { what: 'a host with sub-delimiters', bytes: get('Host: 0.0.0.0=5000') },
      { what: 'a long label', bytes: get(`Host: ${'a'.repeat(64)}.test`) },
      { what: 'a target for another host', bytes: head('GET http://b.test/ HTTP/1.1', HOST) },
      { what: 'an upgrade without a host', bytes: get('Connection: Upgrade', 'Upgrade: websocket') },
      { what: 'CONNECT', bytes: head('CONNECT a.test:443 HTTP/1.1', 'Host: 127.0.0.1:8080') },
      { what: 'HTTP/1.0 without a host', bytes: head('GET / HTTP/1.0') },
    ],
    431: [
      { what: 'a long field', bytes: get(HOST, `X-Long: ${'x'.repeat(headMaxBytes)}`) },
      { what: 'a long target', bytes: head(`GET /${'x'.repeat(headMaxBytes)} HTTP/1.1`, HOST) },
      {
        what: 'many fields',
        bytes: get(HOST, ...Array.from({ length: headMaxBytes / 4 }, (_, at) => `x${at}:y`)),
      },
      { what: 'one byte too much', bytes: padded(headMaxBytes) },
    ],
    505: [
      { what: 'HTTP/2.0 in text', bytes: head('GET / HTTP/2.0', HOST) },
      { what: 'HTTP/1.2', bytes: head('GET / HTTP/1.2', HOST) },
    ],
  };
}

/** A good request whose target, names and values have exactly so many bytes, and as many empty lines in front. */
export function padded(bytes: number): string {
  const countedBytes = '/Hosta.testX-Pad'.length;
  return '\r\n'.repeat(20) + get(HOST, `X-Pad: ${'x'.repeat(bytes - countedBytes)}`);
}
