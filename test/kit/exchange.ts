// Requests to the echo site on one connection, and the check of each answer: status, order, every byte, and that the
// site still sees the same client port, so that it is still the same TCP connection.
import { createHash } from 'node:crypto';
import { SEEN } from './echo-headers.js';
import { WrongAnswer } from './outcome.js';
import type { Random } from './random.js';
import type { Answer, WireClient } from './wire-client.js';

/** What a client has been told of who answers; what is absent, it was not. */
export interface Told {
  siteId?: string;
  pid?: number;
  generation?: number;
  /** The site said that the connection ends. */
  closes?: boolean;
}

/** One request, and how its answer is read. */
export interface Exchange {
  url: string;
  /** The whole request. */
  bytes: Buffer;
  /** Reads the answer and notes who gives it, as soon as it tells. @throws {WrongAnswer} and what the client throws. */
  read: (client: WireClient, told: Told) => Promise<void>;
}

/** A request whose answer the echo site has told whole. */
export interface Answerer {
  siteId: string;
  pid: number;
  generation: number;
  closes: boolean;
}

let lastNumber = 0;

/** A GET with a small answer; `closes` asks for the end of the connection behind it. */
export function simpleExchange(host: string, closes = false): Exchange {
  return exchange(`/simple/${(lastNumber += 1)}?answer=10`, { host, closes, answerLength: 10 });
}

/** A GET or POST, the body up to 16 KB with a length or chunked, and an answer of up to 16 KB likewise. */
export function randomExchange(random: Random, host: string, closes = false): Exchange {
  const answerLength = random.integer(0, 16_384);
  const url = `/any/${(lastNumber += 1)}?answer=${answerLength}${random.pick(['', '&chunked=1'])}`;
  const shape = random.pick(['get', 'length', 'chunked']);
  if (shape === 'get') return exchange(url, { host, closes, answerLength });
  const body = random.bytes(random.integer(0, 16_384));
  if (shape === 'length') return exchange(url, { host, closes, answerLength, body });
  const parts = random.cut(body, random.integer(1, 4));
  return exchange(url, { host, closes, answerLength, body, parts });
}

/** A POST of so many bytes, answered after `slowMs` with 100 bytes. */
export function slowPost(
  random: Random,
  host: string,
  { bodyBytes, slowMs, closes }: { bodyBytes: number; slowMs: number; closes: boolean },
): Exchange {
  const url = `/slow/${(lastNumber += 1)}?answer=100&slow=${slowMs}`;
  return exchange(url, { host, closes, answerLength: 100, body: random.bytes(bodyBytes) });
}

/**
 * Reads the answer to a request of the echo site and checks it; `told` is filled as it comes.
 * @throws {WrongAnswer} when it is another one; and what {@link WireClient.answer} throws.
 */
export async function checkAnswer(client: WireClient, request: Exchange, told: Told = {}): Promise<Answerer> {
  await request.read(client, told);
  const { siteId = '', pid = Number.NaN, generation = Number.NaN, closes = false } = told;
  return { siteId, pid, generation, closes };
}

/** What is sent, and what must come back. */
interface Plan {
  host: string;
  closes: boolean;
  answerLength: number;
  /** Absent: a GET. */
  body?: Buffer;
  /** The body in chunks. */
  parts?: Buffer[];
}

function exchange(url: string, plan: Plan): Exchange {
  const { host, closes, answerLength, body, parts } = plan;
  const close = closes ? 'Connection: close\r\n' : '';
  const coding =
    body === undefined
      ? ''
      : parts === undefined
        ? `Content-Length: ${body.length}\r\n`
        : 'Transfer-Encoding: chunked\r\n';
  const method = body === undefined ? 'GET' : 'POST';
  const head = Buffer.from(`${method} ${url} HTTP/1.1\r\nHost: ${host}\r\n${close}${coding}\r\n`, 'latin1');
  const rest = parts === undefined ? [body ?? EMPTY] : [...parts.flatMap(chunkOf), Buffer.from('0\r\n\r\n')];
  const sha256 = body === undefined ? EMPTY_SHA256 : createHash('sha256').update(body).digest('hex');
  return {
    url,
    bytes: Buffer.concat([head, ...rest]),
    read: async (client, told) => {
      const { port } = client;
      const answer = await client.answer();
      const wrong = whatIsWrong(answer, { url, sha256, answerLength, port });
      if (wrong !== undefined) throw new WrongAnswer(`${url}: ${wrong}; it was ${shown(answer)}`);
      const { headers } = answer;
      told.siteId = headers[SEEN.site] ?? '';
      told.pid = Number(headers[SEEN.pid]);
      told.generation = Number(headers[SEEN.generation]);
      told.closes = headers['connection'] === 'close';
    },
  };
}

function whatIsWrong(
  { status, headers, body }: Answer,
  wanted: { url: string; sha256: string; answerLength: number; port: number },
): string | undefined {
  if (status !== 200) return `status ${status}`;
  if (headers[SEEN.url] !== wanted.url) return `the answer to ${headers[SEEN.url]}`;
  if (headers[SEEN.sha256] !== wanted.sha256) return 'the site read another body';
  if (headers[SEEN.remotePort] !== String(wanted.port))
    return `from client port ${headers[SEEN.remotePort]}, not ${wanted.port}`;
  const expected = Buffer.alloc(wanted.answerLength, `${wanted.url} `);
  return body.equals(expected)
    ? undefined
    : `${body.length} bytes that are not the ${expected.length} expected`;
}

/** Whole, but for long bodies: who has answered instead of the site, and why, is seen in it. */
function shown({ status, headers, body }: Answer): string {
  const text = body.subarray(0, SHOWN_MAX_BYTES).toString('latin1');
  return `${status} ${JSON.stringify(headers)} ${JSON.stringify(text)}`;
}

function chunkOf(piece: Buffer): Buffer[] {
  return piece.length === 0
    ? []
    : [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')];
}

/** Of a wrong body. */
const SHOWN_MAX_BYTES = 200;
const EMPTY = Buffer.alloc(0);
const EMPTY_SHA256 = createHash('sha256').digest('hex');
