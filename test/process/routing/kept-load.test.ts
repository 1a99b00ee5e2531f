// Clients that ask for ten hosts in turn on one connection, while sites are reloaded and hosts come and go.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from '../../kit/at-end.js';
import { seenBy } from '../../kit/ask-site.js';
import { Random } from '../../kit/random.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const REQUEST_COUNT = 10_000;
const CLIENT_COUNT = 8;

/** Which sites may answer for a host. */
type Owners = Readonly<Record<string, readonly string[]>>;

interface Outcome {
  ok: number;
  wrong: number;
  failures: string[];
}

/** Each client keeps its connection and sends one to four requests at a time; what fails ends it. */
async function load(port: number, owners: Owners, seed: number, count = REQUEST_COUNT): Promise<Outcome> {
  const outcome: Outcome = { ok: 0, wrong: 0, failures: [] };
  const hosts = Object.keys(owners);
  await Promise.all(
    Array.from({ length: CLIENT_COUNT }, async (_, index) => {
      const random = new Random(seed + index);
      const client = await WireClient.open(port);
      try {
        for (let sent = 0; sent < count / CLIENT_COUNT;) {
          const asked = Array.from({ length: random.integer(1, 4) }, () =>
            random.integer(0, hosts.length - 1),
          );
          const bytes = asked
            .map((at, order) => request(hosts[at] ?? '', `/${sent + order}`, random))
            .join('');
          for (const piece of random.cut(Buffer.from(bytes), random.integer(1, 3))) {
            client.send(piece);
            if (random.next() < 0.5) await new Promise(setImmediate);
          }
          for (const [order, at] of asked.entries()) {
            const host = hosts[at] ?? '';
            const seen = seenBy(await client.answer());
            const isRight = owners[host]?.includes(seen.siteId) === true && seen.host === host;
            const isInPlace = seen.url === `/${sent + order}` && seen.remotePort === client.port;
            if (isRight && isInPlace) outcome.ok += 1;
            else {
              outcome.wrong += 1;
              outcome.failures.push(`${host}${seen.url} was answered by ${seen.siteId} for ${seen.host}`);
            }
          }
          sent += asked.length;
        }
      } catch (error) {
        outcome.failures.push(String(error));
      }
      client.close();
    }),
  );
  return outcome;
}

function request(host: string, path: string, random: Random): string {
  if (random.next() < 0.7) return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const body = 'x'.repeat(random.integer(0, 3000));
  return `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

test('ten hosts on one connection are each answered by their own site, through reloads and updates of hosts', async (t) => {
  const seed = Random.seed();
  t.diagnostic(`SEED=${seed}`);
  const place = (host?: string): object => ({
    ...(host === undefined ? {} : { host }),
    port: 0,
    ipaddress: '127.0.0.1',
  });
  const workerFile = new URL('./steered.site.js', import.meta.url).pathname;
  const site = (siteId: string, ...hosts: (string | undefined)[]) => ({
    siteId,
    workerFile,
    cpuLen: 1,
    listen: hosts.map(place),
  });
  const vhostd = await startVhostd(t, {
    sites: [
      site('a', 'a1.test', 'a2.test', 'a3.test'),
      site('b', 'b1.test', '*.b.test'),
      site('e', 'e1.test', 'e2.test'),
      { ...site('d', undefined), workerFile: siteFile('echo'), cpuLen: 2 },
    ],
  });
  const port = await vhostd.port();
  const owners: Owners = {
    'a1.test': ['a'],
    'a2.test': ['a'],
    'a3.test': ['a'],
    'b1.test': ['b'],
    'x.b.test': ['b'],
    'e1.test': ['e'],
    // These come and go: they are the wildcard's and the default site's otherwise.
    'y.b.test': ['b', 'e'],
    'z.test': ['d', 'e'],
    'nobody.test': ['d'],
    'a!b.test': ['d'],
  };
  let busy = true;
  let updateCount = 0;
  let reloadCount = 0;
  const updates = (async () => {
    while (busy) {
      const more = updateCount % 2 === 0 ? ['y.b.test', 'z.test'] : [];
      const listen = ['e1.test', 'e2.test', ...more].map(place);
      await vhostd.callSite('e', 'update', { update: { listen }, form: 'promise' });
      updateCount += 1;
      await delay(20);
    }
  })();
  const reloads = (async () => {
    while (busy) {
      await vhostd.reload(['a', 'b', 'd'][reloadCount % 3]);
      reloadCount += 1;
    }
  })();
  const outcome = await load(port, owners, seed);
  busy = false;
  await Promise.all([updates, reloads]);
  const { counts } = await vhostd.status();
  t.diagnostic(JSON.stringify({ ...outcome, updateCount, reloadCount, handedBack: counts.handedBack }));
  assert.deepEqual([outcome.failures.slice(0, 5), outcome.wrong], [[], 0]);
  assert.ok(outcome.ok >= REQUEST_COUNT);
  assert.ok(updateCount > 5 && reloadCount > 1, `${updateCount} updates, ${reloadCount} reloads`);
  assert.ok(counts.handedBack > REQUEST_COUNT / 4, `${counts.handedBack} came back`);
  assert.deepEqual(counts.refused, {});
});

test('a host that comes or goes is so for the next request of a connection that is kept', async (t) => {
  const place = (host: string): object => ({ host, port: 0, ipaddress: '127.0.0.1' });
  const workerFile = new URL('./steered.site.js', import.meta.url).pathname;
  const vhostd = await startVhostd(t, {
    sites: [
      { siteId: 'e', workerFile, cpuLen: 1, listen: [place('e.test')] },
      { siteId: 'd', workerFile: siteFile('echo'), cpuLen: 2, hosts: ['d.test'], defaultListen: true },
    ],
  });
  const clients = await Promise.all(
    Array.from({ length: 4 }, async () => WireClient.open(await vhostd.port())),
  );
  for (let round = 0; round < 20; round += 1) {
    const isThere = round % 2 === 0;
    const listen = ['e.test', ...(isThere ? ['z.test'] : [])].map(place);
    await vhostd.callSite('e', 'update', { update: { listen }, form: 'promise' });
    for (const client of clients) {
      client.send('GET / HTTP/1.1\r\nHost: z.test\r\n\r\n');
      assert.equal(seenBy(await client.answer()).siteId, isThere ? 'e' : 'd', `round ${round}`);
    }
  }
  for (const client of clients) client.close();
});

test('the load notices a server that answers for hosts of others', async (t) => {
  const server = createServer((incoming, response) => {
    const { host } = incoming.headers;
    incoming.resume().on('end', () => {
      response.end(
        JSON.stringify({ siteId: 'a', host, url: incoming.url, remotePort: incoming.socket.remotePort }),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  atEnd(t, () => server.close());
  const { port } = server.address() as AddressInfo;
  const outcome = await load(port, { 'a.test': ['a'], 'b.test': ['b'] }, 1, 200);
  assert.ok(outcome.wrong > 50 && outcome.ok > 50, JSON.stringify(outcome.wrong));
});
