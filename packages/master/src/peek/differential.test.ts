// Holds the head scanner against the parser that the workers use: whatever it routes, both must read alike.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readAuthority } from '../hosts/host-name.js';
import { generateHead, Random } from './heads.test.kit.js';
import { HttpHeadScanner } from './http-head.js';
import { NodeReader } from './node-reading.test.kit.js';
import type { NodeReading } from './node-reading.test.kit.js';

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
    if (verdict.kind === 'route') return { head: bytes.subarray(0, i + 1), host: verdict.host };
  }
  return undefined;
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
  return 'fault' in authority ? `unreadable: ${field}` : authority.host;
}

async function forEachConcurrently<V>(values: readonly V[], run: (value: V) => Promise<void>): Promise<void> {
  const rest = values.values();
  const lane = async (): Promise<void> => {
    for (const value of rest) await run(value);
  };
  await Promise.all(Array.from({ length: CONCURRENT_COUNT }, lane));
}
