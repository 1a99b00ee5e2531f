// Holds the head scanner against the parser that the workers use: whatever it routes, both must read alike.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readAuthority } from '@vhostd/protocol';
import { generateHead, Random } from './heads.test.kit.js';
import { HttpHeadScanner } from './http-head.js';
import { NodeReader } from './node-reading.test.kit.js';
import type { NodeReading } from './node-reading.test.kit.js';
import type { Route } from './verdict.js';

const CASE_COUNT = 6000;
const CONCURRENT_COUNT = 48;
const LIMITS = { headMaxBytes: 16_384 };
/** VHOSTD_TEST_SEED repeats or varies a run. */
const SEED = Number(process.env['VHOSTD_TEST_SEED'] ?? 20_240_229);

const reader = new NodeReader();
before(() => reader.listen());
after(() => reader.close());

void test('every generated head that the scanner routes is read alike by the http server of this Node', async () => {
  const random = new Random(SEED);
  const routed: { head: Buffer; host: string | null }[] = [];
  for (let i = 0; i < CASE_COUNT; i++) {
    const route = routeOf(Buffer.from(generateHead(random), 'latin1'));
    if (route !== undefined) routed.push(route);
  }
  const failures: string[] = [];
  await forEachConcurrently(routed, async ({ head, host }) => {
    const difference = differenceOf(host, await reader.read(head));
    if (difference !== undefined) failures.push(`${difference}: ${JSON.stringify(head.toString('latin1'))}`);
  });
  assert.deepEqual(failures, [], `seed ${SEED}, Node ${process.version}`);
  // A corpus that is all refused, or all plain, would prove nothing.
  assert.ok(routed.length > CASE_COUNT * 0.3, `only ${routed.length} heads were routed (seed ${SEED})`);
  assert.ok(routed.length < CASE_COUNT * 0.9, `${routed.length} heads were routed (seed ${SEED})`);
});

void test('a head is too large for the scanner at the same byte as for this Node', async () => {
  const shapes: ((byteCount: number) => string)[] = [
    (byteCount) => `GET /${'x'.repeat(byteCount)} HTTP/1.1\r\nHost: a.com\r\n\r\n`,
    (byteCount) => `GET / HTTP/1.1\r\nHost: a.com\r\nX:\t ${'y'.repeat(byteCount - 3)} \t\r\n\r\n`,
    (byteCount) => `GET / HTTP/1.1\r\n${'y'.repeat(byteCount - 5)}:  \r\nHost: a.com\r\nEmpty:\r\n\r\n`,
    (byteCount) => {
      const fields = Array.from({ length: 567 }, () => `X-nnn: ${'y'.repeat(20)}\r\n`).join('');
      return `\r\n\r\nGET / HTTP/1.1\r\nHost: a.com\r\n${fields}Z: ${'z'.repeat(byteCount - 1 - 567 * 25)}\r\n\r\n`;
    },
  ];
  // What is counted besides the padding: '/', 'Host', 'a.com'.
  const edge = LIMITS.headMaxBytes - 10;
  for (const [index, shape] of shapes.entries()) {
    for (const byteCount of [edge - 1, edge, edge + 1]) {
      const head = Buffer.from(shape(byteCount), 'latin1');
      const isRouted = routeOf(head) !== undefined;
      const reading = await reader.read(head);
      assert.equal(isRouted, reading.kind === 'accepted', `shape ${index}, ${byteCount}: ${reading.detail}`);
      assert.equal(isRouted, byteCount < edge, `shape ${index}, ${byteCount}`);
    }
  }
});

void test('the comparison notices another host, another end of the head, and a refusal', async () => {
  const twoHosts = 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n';
  assert.match((await differenceWith(twoHosts, 'b')) ?? '', /^host/);
  assert.match((await differenceWith('GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', 'b')) ?? '', /^host/);
  const bodyTaken = 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /early HTTP/1.1\r\nHost: a\r\n\r\n';
  assert.match((await differenceWith(bodyTaken, 'a')) ?? '', /^end/);
  assert.match((await differenceWith('GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n', 'a')) ?? '', /^refused/);
  assert.equal(await differenceWith('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'a'), undefined);
});

/** The head as far as the scanner reads it, found byte by byte, and the host that it is routed to. */
function routeOf(bytes: Buffer): { head: Buffer; host: string | null } | undefined {
  const scanner = new HttpHeadScanner(LIMITS);
  for (let i = 0; i < bytes.length; i++) {
    const verdict = scanner.push(bytes.subarray(i, i + 1));
    if (verdict.kind === 'reject' || (verdict.kind === 'route' && verdict.protocol !== 'http1'))
      return undefined;
    if (verdict.kind === 'route')
      return { head: passedOn(bytes.subarray(0, i + 1), verdict), host: verdict.host };
  }
  return undefined;
}

/** The head as its worker gets it. */
function passedOn(head: Buffer, { edit }: Route): Buffer {
  if (edit === null) return head;
  return Buffer.concat([
    head.subarray(0, edit.from),
    Buffer.from(edit.text, 'latin1'),
    head.subarray(edit.to),
  ]);
}

function differenceOf(host: string | null, reading: NodeReading): string | undefined {
  if (reading.kind === 'refused') return `refused (${reading.detail})`;
  const nodeHost = hostOf(reading.hostField);
  if (nodeHost !== host) return `host ${JSON.stringify(host)} here, ${JSON.stringify(nodeHost)} in Node`;
  return reading.endsThere ? undefined : `end of head (${reading.detail})`;
}

async function differenceWith(head: string, host: string): Promise<string | undefined> {
  return differenceOf(host, await reader.read(Buffer.from(head, 'latin1')));
}

function hostOf(field: string | undefined): string | null {
  if (field === undefined || field === '') return null;
  const authority = readAuthority(field);
  if ('fault' in authority) return `unreadable: ${field}`;
  return authority.isName ? authority.host : null;
}

async function forEachConcurrently<V>(values: readonly V[], run: (value: V) => Promise<void>): Promise<void> {
  const rest = values.values();
  const lane = async (): Promise<void> => {
    for (const value of rest) await run(value);
  };
  await Promise.all(Array.from({ length: CONCURRENT_COUNT }, lane));
}
