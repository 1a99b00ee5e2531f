// Odd and hostile heads behind a good request on its connection: never another site's answer, never a hang.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../kit/random.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const HEAD_COUNT = process.env['VHOSTD_TEST_LONG'] === '1' ? 4000 : 400;
const LANE_COUNT = 16;
const NAMES = ['a', 'b', 'd'];
const GOOD = 'GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n';

const HOSTS = ['a.test', 'b.test', 'B.Test:80', 'b.test.', 'nobody.test', 'a!b.test', '[::1]', '127.0.0.1'];
const ODD_HOSTS = ['', 'a.test/b', 'u@b.test', 'a.test b.test', 'a.test,b.test', 'b.test:x', 'a..test'];
const FIELDS = ['Accept: */*', 'X-Empty:', 'X: \t y \t', 'Hosts: b.test', 'TE: trailers', 'Cookie: a=b'];
const FRAMINGS = [
  'Content-Length: 0',
  'Content-Length: +0',
  'Content-Length: 0\r\nContent-Length: 0',
  'Content-Length: 0\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: CHUNKED',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
];
const TARGETS = ['/', '/x?y=[1]|', '/x#y', '*', 'http://b.test/', 'http://a.test?x', 'HTTP://nobody.test/'];

/** A request that ends its connection, as latin1 text; about half of them are legal. Behind it an empty chunk. */
function laterHead(random: Random): string {
  const chance = (percent: number): boolean => random.integer(1, 100) <= percent;
  const pick = (values: readonly string[]): string => values[random.integer(0, values.length - 1)] ?? '';
  const host = chance(85) ? pick(HOSTS) : pick(ODD_HOSTS);
  const lines = chance(95) ? [`${pick(['Host', 'host', 'HOST'])}:${pick([' ', '', '\t '])}${host}`] : [];
  if (chance(8)) lines.push(`Host: ${pick(HOSTS)}`);
  lines.push(...FIELDS.filter(() => chance(20)), 'Connection: close');
  const framing = chance(25) ? pick(FRAMINGS) : '';
  if (framing !== '') lines.push(framing);
  if (chance(30)) lines.reverse();
  if (chance(4)) lines.splice(1, 0, pick([' folded', 'No-Colon', 'Space : x', 'Nul: \0', 'Cr: \r x']));
  const target = chance(65) ? '/' : pick(TARGETS);
  const method = pick(['GET', 'GET', 'POST', 'OPTIONS', chance(20) ? 'get' : 'PUT']);
  const version = chance(88) ? 'HTTP/1.1' : pick(['HTTP/1.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ']);
  const front = chance(6) ? '\r\n'.repeat(random.integer(1, 30)) : '';
  const space = chance(4) ? pick(['  ', '\t']) : ' ';
  const body = /transfer-encoding/i.test(framing) ? '0\r\n\r\n' : '';
  return `${front}${method}${space}${target} ${version}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

test('what comes behind a good request is answered by the site that it would have in front, or refused', async (t) => {
  const seed = Random.seed();
  t.diagnostic(`SEED=${seed}`);
  const vhostd = await startVhostd(t, {
    sites: NAMES.map((siteId) => ({
      siteId,
      hosts: [`${siteId}.test`],
      workerFile: siteFile('echo'),
      cpuLen: 1,
      ...(siteId === 'd' ? { defaultListen: true } : {}),
    })),
  });
  const port = await vhostd.port();
  const random = new Random(seed);
  const heads = Array.from({ length: HEAD_COUNT }, () => laterHead(random)).values();
  const differences: string[] = [];
  const statuses = new Map<string, number>();
  await Promise.all(
    Array.from({ length: LANE_COUNT }, async () => {
      for (const head of heads) {
        // Node's parser takes more than one space in front of a target, and what the master gets back has one.
        const first = await outcome(port, head.replace(/^((?:\r\n)*[A-Za-z]+) {2}/, '$1 '), 'alone');
        statuses.set(first.slice(0, 5), (statuses.get(first.slice(0, 5)) ?? 0) + 1);
        for (const how of ['pipelined', 'later'] as const) {
          const behind = await outcome(port, head, how);
          if (behind !== first && !isNodesReading(first, behind))
            differences.push(`${how} ${behind}, alone ${first}: ${JSON.stringify(head)}`);
        }
      }
    }),
  );
  t.diagnostic(JSON.stringify(Object.fromEntries(statuses)));
  assert.deepEqual(differences.slice(0, 20), [], `${differences.length} differ (SEED=${seed})`);
  // Heads that are all refused, or all served by one site, would prove nothing.
  for (const kind of ['200 a', '200 b', '200 d', '400 -'])
    assert.ok((statuses.get(kind) ?? 0) > HEAD_COUNT / 40, `${kind}: ${statuses.get(kind)} (SEED=${seed})`);
});

/**
 * Whether it is what the parser of the site's own server made of a head that the master refuses: it refuses it with
 * another status or, behind an answer in work, by ending the connection; or it serves one for its own host.
 */
function isNodesReading(first: string, behind: string): boolean {
  if (first !== '400 -' && first !== '505 -') return false;
  return behind === '400 -' || behind === 'none closed' || behind.startsWith('200 a a.test ');
}

/** The status that a head gets, the site that gave it, and the host that this site saw. */
async function outcome(port: number, head: string, how: 'alone' | 'pipelined' | 'later'): Promise<string> {
  const client = await WireClient.open(port);
  try {
    if (how === 'later') {
      client.send(GOOD);
      await client.answer();
    }
    client.send(how === 'pipelined' ? GOOD + head : head);
    if (how === 'pipelined') await client.answer();
    const { status, body } = await client.answer();
    if (status !== 200) return `${status} -`;
    const { siteId, host, url } = JSON.parse(body.toString()) as {
      siteId: string;
      host: string;
      url: string;
    };
    return `200 ${siteId} ${host} ${url}`;
  } catch (error) {
    return `none ${(error as NodeJS.ErrnoException).code}`;
  } finally {
    client.close();
  }
}
