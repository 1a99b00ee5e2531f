// Requests to the exchange site on one connection, and the check of each answer: status, order, every byte, and that
// the site still sees the same client port, so that it is still the same TCP connection.
import { createHash } from 'node:crypto';
import type { Random } from './random.js';
import { SEEN } from './exchange-headers.js';
import type { Answer, WireClient } from './wire-client.js';

/** One request and what its answer must be. */
export interface Exchange {
  url: string;
  /** The whole request. */
  bytes: Buffer;
  sha256: string;
  answerLength: number;
}

/** A request whose answer is wrong. */
export class WrongAnswer extends Error {
  override name = 'WrongAnswer';
}

let lastNumber = 0;

/** A GET with a small answer. */
export function simpleExchange(host: string): Exchange {
  const url = `/simple/${(lastNumber += 1)}?answer=10`;
  return exchange(url, Buffer.from(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n\r\n`), EMPTY, 10);
}

/** A GET or POST, the body up to 16 KB with a length or chunked, and an answer of up to 16 KB likewise. */
export function randomExchange(random: Random, host: string): Exchange {
  const answerLength = random.integer(0, 16_384);
  const chunked = random.pick(['', '&chunked=1']);
  const url = `/any/${(lastNumber += 1)}?answer=${answerLength}${chunked}`;
  const head = `HTTP/1.1\r\nHost: ${host}\r\n`;
  const shape = random.pick(['get', 'length', 'chunked']);
  if (shape === 'get') return exchange(url, Buffer.from(`GET ${url} ${head}\r\n`), EMPTY, answerLength);
  const body = random.bytes(random.integer(0, 16_384));
  if (shape === 'length') {
    const front = Buffer.from(`POST ${url} ${head}Content-Length: ${body.length}\r\n\r\n`);
    return exchange(url, Buffer.concat([front, body]), body, answerLength);
  }
  const parts = random.cut(body, random.integer(1, 4)).flatMap((piece) => chunkOf(piece));
  const front = Buffer.from(`POST ${url} ${head}Transfer-Encoding: chunked\r\n\r\n`);
  return exchange(url, Buffer.concat([front, ...parts, Buffer.from('0\r\n\r\n')]), body, answerLength);
}

/** A POST of so many bytes, answered after `slowMs`; `closes` asks for the end of the connection behind it. */
export function slowPost(
  random: Random,
  host: string,
  { bodyBytes, slowMs, closes }: { bodyBytes: number; slowMs: number; closes: boolean },
): Exchange {
  const url = `/slow/${(lastNumber += 1)}?answer=100&slow=${slowMs}`;
  const body = random.bytes(bodyBytes);
  const close = closes ? 'Connection: close\r\n' : '';
  const head = `POST ${url} HTTP/1.1\r\nHost: ${host}\r\n${close}Content-Length: ${body.length}\r\n\r\n`;
  return exchange(url, Buffer.concat([Buffer.from(head), body]), body, 100);
}

/** Who answered. */
export interface Answerer {
  siteId: string;
  pid: number;
  generation: number;
  /** The site said that the connection ends. */
  closes: boolean;
}

/**
 * Reads the answer to a request and checks it.
 * @throws {WrongAnswer} when it is another one; and what {@link WireClient.answer} throws.
 */
export async function checkAnswer(client: WireClient, request: Exchange): Promise<Answerer> {
  const port = client.port;
  const answer = await client.answer();
  const wrong = whatIsWrong(answer, request, port);
  if (wrong !== undefined) throw new WrongAnswer(`${request.url}: ${wrong}`);
  return {
    siteId: answer.headers[SEEN.site] ?? '',
    pid: Number(answer.headers[SEEN.pid]),
    generation: Number(answer.headers[SEEN.generation]),
    closes: answer.headers['connection'] === 'close',
  };
}

function whatIsWrong({ status, headers, body }: Answer, request: Exchange, port: number): string | undefined {
  if (status !== 200) return `status ${status}`;
  if (headers[SEEN.url] !== request.url) return `the answer to ${headers[SEEN.url]}`;
  if (headers[SEEN.sha256] !== request.sha256) return 'the site read another body';
  if (headers[SEEN.remotePort] !== String(port))
    return `from client port ${headers[SEEN.remotePort]}, not ${port}`;
  const expected = Buffer.alloc(request.answerLength, `${request.url} `);
  return body.equals(expected)
    ? undefined
    : `${body.length} bytes that are not the ${expected.length} expected`;
}

function exchange(url: string, bytes: Buffer, body: Buffer, answerLength: number): Exchange {
  return { url, bytes, sha256: createHash('sha256').update(body).digest('hex'), answerLength };
}

function chunkOf(piece: Buffer): Buffer[] {
  return piece.length === 0
    ? []
    : [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')];
}

const EMPTY = Buffer.alloc(0);
