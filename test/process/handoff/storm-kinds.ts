// The ways in which a client's bytes can meet the moment of a hand-over. Each kind is one connection: it resolves
// when every byte was seen by the site once, in order and over this connection, and rejects with what was not.
import { createHash } from 'node:crypto';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { seenBy } from '../../kit/ask-site.js';
import type { Random } from '../../kit/random.js';
import { WireClient } from '../../kit/wire-client.js';

/** Where the connections go. */
export interface StormTarget {
  port: number;
  /** Hosts of sites that answer as the echo site does. */
  hosts: [string, ...string[]];
  /** The host of an echo site whose server has `httpAllowHalfOpen`. */
  halfOpenHost?: string;
  /** How long a connection may take, ms. */
  limitMs: number;
}

/** One connection of a kind; `index` is its number within the kind. */
type Run = (target: StormTarget, random: Random, index: number) => Promise<void>;

/** A request and what the site must say of it. */
interface Sent {
  bytes: Buffer;
  method: string;
  url: string;
  host: string;
  body: Buffer;
}

export type Kind =
  | 'cut'
  | 'post'
  | 'pipeline'
  | 'half-close'
  | 'half-close-slow'
  | 'reset'
  | 'big'
  | 'chunked'
  | 'expect'
  | 'upgrade';

export const KINDS: Record<Kind, Run> = {
  /** A head with a short body, cut in two: the number of the case is the place. */
  cut: (target, random, index) =>
    connected(target, async (client) => {
      const sent = request(random, 'POST', target.hosts[0], slice(random, 20));
      const place = 1 + (index % (sent.bytes.length - 1));
      client.send(sent.bytes.subarray(0, place));
      await delay(random.integer(1, 4));
      client.send(sent.bytes.subarray(place));
      await answered(client, sent);
    }),
  /** The head in pieces, the body in one piece right behind. */
  post: (target, random) =>
    connected(target, async (client) => {
      const sent = request(
        random,
        'POST',
        random.pick(target.hosts),
        slice(random, random.integer(2_000, 200_000)),
      );
      const head = sent.bytes.subarray(0, sent.bytes.length - sent.body.length);
      const pieces = random.cut(head, random.integer(1, 5));
      const last = Buffer.concat([pieces.pop() ?? Buffer.alloc(0), sent.body]);
      await sendPieces(client, [...pieces, last], random);
      await answered(client, sent);
    }),
  /** Up to twelve requests, cut anywhere. All for one host: a connection belongs to one site. */
  pipeline: (target, random) =>
    connected(target, async (client) => {
      const host = random.pick(target.hosts);
      const all = Array.from({ length: random.integer(2, 12) }, () =>
        random.next() < 0.5
          ? request(random, 'GET', host, Buffer.alloc(0))
          : request(random, 'POST', host, slice(random, random.integer(1, 3000))),
      );
      const bytes = Buffer.concat(all.map((sent) => sent.bytes));
      await sendPieces(client, random.cut(bytes, random.integer(1, 7)), random);
      for (const sent of all) await answered(client, sent);
    }),
  /** The client's FIN comes with its request. */
  'half-close': (target, random) =>
    connected(target, async (client) => {
      const body = random.next() < 0.5 ? Buffer.alloc(0) : slice(random, random.integer(1, 30_000));
      const sent = request(random, body.length === 0 ? 'GET' : 'POST', random.pick(target.hosts), body);
      const pieces = random.cut(sent.bytes, random.integer(1, 3));
      const last = pieces.pop();
      await sendPieces(client, pieces, random);
      client.socket.end(last ?? sent.bytes);
      await answered(client, sent);
      await client.rest();
    }),
  /** The same towards a server that answers later and is told to keep half-open connections. */
  'half-close-slow': (target, random) =>
    connected(target, async (client) => {
      const host = target.halfOpenHost ?? target.hosts[0];
      const sent = request(random, 'GET', host, Buffer.alloc(0), `/slow/${random.integer(1, 30)}/`);
      client.socket.end(sent.bytes);
      await answered(client, sent);
      await client.rest();
    }),
  /** A reset at any moment: nothing is expected of it but that nothing is left of it. */
  reset: (target, random) =>
    connected(target, async (client) => {
      const sent = request(
        random,
        'POST',
        random.pick(target.hosts),
        slice(random, random.integer(1, 60_000)),
      );
      const [first, second] = random.cut(sent.bytes, 2);
      client.send(first ?? sent.bytes);
      if (random.next() < 0.7) await delay(random.integer(0, 6));
      if (random.next() < 0.5 && second !== undefined) {
        client.send(second);
        if (random.next() < 0.5) await delay(random.integer(0, 6));
      }
      client.reset();
    }),
  /** A megabyte at once. */
  big: (target, random) =>
    connected(target, async (client) => {
      const sent = request(random, 'POST', random.pick(target.hosts), slice(random, 1 << 20));
      client.send(sent.bytes);
      await answered(client, sent);
    }),
  /** A body of unknown length. */
  chunked: (target, random) =>
    connected(target, async (client) => {
      const host = random.pick(target.hosts);
      const body = slice(random, random.integer(1, 60_000));
      const chunks = random.cut(body, random.integer(1, 6));
      const coded = chunks.flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ]);
      const url = urlOf(random);
      const head = `POST ${url} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const bytes = Buffer.concat([Buffer.from(head), ...coded, Buffer.from('0\r\n\r\n')]);
      await sendPieces(client, random.cut(bytes, random.integer(1, 6)), random);
      await answered(client, { bytes, method: 'POST', url, host, body });
    }),
  /** A client that waits for `100 Continue`, or does not wait for it. */
  expect: (target, random) =>
    connected(target, async (client) => {
      const body = slice(random, random.integer(1, 60_000));
      const sent = request(
        random,
        'POST',
        random.pick(target.hosts),
        body,
        undefined,
        'Expect: 100-continue\r\n',
      );
      const head = sent.bytes.subarray(0, sent.bytes.length - body.length);
      if (random.next() < 0.5) {
        client.send(sent.bytes);
      } else {
        await sendPieces(client, random.cut(head, random.integer(1, 3)), random);
        const interim = await client.answer(true);
        if (interim.status !== 100) throw new Error(`status ${interim.status} instead of 100`);
        client.send(body);
      }
      await answered(client, sent);
    }),
  /** Bytes of another protocol right behind the head that asks for it. */
  upgrade: (target, random) =>
    connected(target, async (client) => {
      const behind = slice(random, random.integer(1, 60_000));
      const upgrade = 'Connection: Upgrade\r\nUpgrade: echo\r\n';
      const { bytes } = request(
        random,
        'GET',
        random.pick(target.hosts),
        Buffer.alloc(0),
        undefined,
        upgrade,
      );
      await sendPieces(client, random.cut(Buffer.concat([bytes, behind]), random.integer(1, 5)), random);
      const { status } = await client.answer(true);
      if (status !== 101) throw new Error(`status ${status} instead of 101`);
      same('echoed', await client.bytes(behind.length), behind);
      const more = slice(random, 500);
      client.socket.end(more);
      same('echoed', await client.rest(), more);
    }),
};

async function connected(target: StormTarget, work: (client: WireClient) => Promise<void>): Promise<void> {
  const client = await WireClient.open(target.port, { limitMs: target.limitMs });
  try {
    await work(client);
  } finally {
    client.close();
  }
}

/** Some pieces fall together, some come a turn of the event loop later, some a few milliseconds. */
async function sendPieces(client: WireClient, pieces: readonly Buffer[], random: Random): Promise<void> {
  for (const piece of pieces) {
    client.send(piece);
    const pause = random.next();
    if (pause > 0.6) await delay(random.integer(1, 5));
    else if (pause > 0.3) await turn();
  }
}

async function answered(client: WireClient, sent: Sent): Promise<void> {
  const seen = seenBy(await client.answer());
  const wanted = {
    method: sent.method,
    url: sent.url,
    host: sent.host,
    siteId: sent.host.split('.')[0] ?? '',
    remotePort: client.port,
    length: sent.body.length,
    sha256: createHash('sha256').update(sent.body).digest('hex'),
  };
  for (const [name, value] of Object.entries(wanted)) {
    const got: unknown = Reflect.get(seen, name);
    if (got !== value) throw new Error(`${name} ${String(got)} instead of ${String(value)}`);
  }
}

function request(
  random: Random,
  method: string,
  host: string,
  body: Buffer,
  prefix = '/',
  fields = '',
): Sent {
  const url = urlOf(random, prefix);
  const length = method === 'POST' ? `Content-Length: ${body.length}\r\n` : '';
  const head = `${method} ${url} HTTP/1.1\r\nHost: ${host}\r\n${fields}${length}\r\n`;
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), body]), method, url, host, body };
}

/** No two requests have the same. */
function urlOf(random: Random, prefix = '/'): string {
  return `${prefix}${random.integer(0, 2 ** 31).toString(36)}${random.integer(0, 2 ** 31).toString(36)}`;
}

let pool: Buffer | undefined;

/** Random bytes, cut out of a pool at a random place. */
function slice(random: Random, length: number): Buffer {
  pool ??= random.bytes(POOL_BYTES);
  const from = random.integer(0, POOL_BYTES - length);
  return pool.subarray(from, from + length);
}

function same(what: string, got: Buffer, wanted: Buffer): void {
  if (!got.equals(wanted))
    throw new Error(`${what} ${got.length} bytes other than the ${wanted.length} sent`);
}

const POOL_BYTES = 4 << 20;
