// Generated request heads for tests: plausible ones, odd ones, and mutations of both, from a seed.

/** Repeatable numbers: the same seed gives the same sequence on every platform. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    // Marsaglia's xorshift32.
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick(values: readonly string[]): string {
    return values[this.below(values.length)] ?? '';
  }
}

const METHODS = [
  'GET',
  'GET',
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'M-SEARCH',
  'PROPFIND',
  'SOURCE',
  'QUERY',
];
const HOSTS = [
  'a.com',
  'A.Com',
  'a.com.',
  'a.com:80',
  'a.com:8080',
  'a.com:',
  'x-1.y_z.a.com',
  'xn--bcher-kva.de',
  '127.0.0.1',
  '127.0.0.1:65535',
  '[::1]',
  '[::1]:443',
  '[0:0:0:0:0:0:0:1]',
  '[2001:DB8::ff]:80',
];
const ODD_HOSTS = [
  '',
  ' ',
  'a.com,b.com',
  'a b',
  'u@a.com',
  'a.com/x',
  'a.com:65536',
  'a.com:x',
  'a%2ecom',
  'a%zz',
  '0.0.0.0=5000',
  'a!b.com',
  '*.a.com',
  `${'l'.repeat(64)}.com`,
  'a..com',
  '.',
  '[::1',
  '[::1%25lo]',
  '::1',
  'b\u00fccher.de',
];
const PATHS = ['/', '/x?y=[1]|"', '//b.com/', '/a:b@c/?d', '/%zz', '/?', '/*', '/\\', '/x'.repeat(200)];
const FIELDS = [
  'Accept: */*',
  'X-Empty:',
  'X: \t y \t',
  'x-latin1: \u0080\u00ff',
  'Connection: keep-alive',
  'Connection: close',
  'Connection: keep-alive, foo',
  'Proxy-Connection: close',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Upgrade: h2c',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Connection: keep-alive,\tupgrade',
  'Connection: upgrade, close',
  'Expect: 100-continue',
  'Expect: other',
  'Hosts: b.com',
  'Hos: b.com',
  'Content-Lengt: 9',
  'Content-Length-: 9',
  'TE: trailers',
  'Trailer: x',
  "!#$%&'*+-.^_`|~: z",
  '__proto__: x',
  'Cookie: a=b; c="d\\"',
];
const FRAMINGS = [
  'Content-Length: 0',
  'Content-Length: 5',
  'content-length:   0007 ',
  'Transfer-Encoding: chunked',
  'transfer-encoding: gzip, Chunked',
  'Transfer-Encoding:CHUNKED  ',
  'Transfer-Encoding: gzip , chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: \t gzip\t,\tchunked',
  'Content-Length:\t5',
];
const ODD_FRAMINGS = [
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length:',
  'Content-Length: 0x5',
  'Content-Length: 99999999999999999999999',
  'Content-Length: 5\t',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked\t',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding:',
  'Transfer-Encoding: ,chunked',
];
const VERSIONS = ['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', ''];
const PIECES = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  '\0',
  ':',
  ',',
  '\u007f',
  '\u00e9',
  '#',
  '%',
  '@',
  '/',
  '\\',
  '.',
  '[',
  ']',
  '\r\nHost: b.com',
  '\r\nhost:b.com\r\n',
  '\r\n folded',
  'HTTP/1.1',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'http://b.com',
];

/** One head, as latin1 text; about half of them are legal. What follows a mutation's end of head is left on. */
export function generateHead(random: Random): string {
  const host = random.chance(90) ? random.pick(HOSTS) : random.pick(ODD_HOSTS);
  const head = `${requestLine(random, host)}\r\n${fieldLines(random, host).join('\r\n')}\r\n\r\n`;
  let mutated = random.chance(5) ? `${'\r\n'.repeat(1 + random.below(40))}${head}` : head;
  for (let i = random.chance(35) ? 1 + random.below(3) : 0; i > 0; i--) mutated = mutate(random, mutated);
  return mutated;
}

function requestLine(random: Random, host: string): string {
  const version = random.chance(85) ? 'HTTP/1.1' : random.pick(VERSIONS);
  const form = random.below(100);
  if (form < 6) return `CONNECT ${random.chance(70) ? withPort(host) : random.pick(HOSTS)} ${version}`;
  if (form < 12) return `${random.chance(80) ? 'OPTIONS' : 'GET'} * ${version}`;
  const method = random.chance(97) ? random.pick(METHODS) : random.pick(['PRI', 'get', 'FOO', '', 'RTSP']);
  if (form >= 30) return `${method} ${random.pick(PATHS)} ${version}`;
  const scheme = random.pick(['http', 'HTTP', 'https', 'http', 'ftp']);
  const authority = random.chance(85) ? host : random.pick(HOSTS);
  return `${method} ${scheme}://${authority}${random.pick(['', ...PATHS, '?x/y'])} ${version}`;
}

function fieldLines(random: Random, host: string): string[] {
  const name = random.pick(['Host', 'Host', 'host', 'HOST']);
  const lines = random.chance(92) ? [`${name}:${random.pick([' ', ' ', '', '\t '])}${host}`] : [];
  const add = (line: string): void => {
    lines.splice(random.below(lines.length + 1), 0, line);
  };
  for (let i = random.below(5); i > 0; i--) add(random.pick(FIELDS));
  if (random.chance(25)) add(random.pick(FRAMINGS));
  if (random.chance(4)) add(random.pick(FRAMINGS));
  if (random.chance(5)) add(random.pick(ODD_FRAMINGS));
  if (random.chance(3)) add(`Host: ${random.pick([...HOSTS, ...ODD_HOSTS])}`);
  if (random.chance(1)) add(`X-Long: ${'z'.repeat(15_800 + random.below(700))}`);
  if (random.chance(1)) add(Array.from({ length: 985 + random.below(20) }, () => 'a:').join('\r\n'));
  return lines;
}

function withPort(host: string): string {
  return /:[0-9]+$/.test(host) && !host.endsWith('::1') ? host : `${host.replace(/:$/, '')}:443`;
}

function mutate(random: Random, head: string): string {
  const at = random.below(head.length + 1);
  const behind = at + 1 + random.below(3);
  switch (random.below(7)) {
    case 0:
      return head.slice(0, at) + random.pick(PIECES) + head.slice(at);
    case 1:
      return head.slice(0, at) + head.slice(behind);
    case 2:
      return head.slice(0, at) + String.fromCharCode(random.below(256)) + head.slice(at + 1);
    case 3:
      return head.slice(0, at) + random.pick(PIECES) + head.slice(behind);
    case 4:
      return head.slice(0, behind) + head.slice(at);
    case 5:
      return changeLine(random, head, (line) => `${line}\r\n${line}`);
    default:
      return changeLine(random, head, (line) =>
        line.replace(':', random.pick([' :', '\t:', '', ': ,', ':\t'])),
      );
  }
}

function changeLine(random: Random, head: string, change: (line: string) => string): string {
  const lines = head.split('\r\n');
  const chosen = random.below(lines.length);
  return lines.map((line, index) => (index === chosen ? change(line) : line)).join('\r\n');
}
