// Whatever clients have sent to a stopped worker that never took it over, another one serves all of it when the
// stopped one is killed: heads, bodies, several requests at once, TLS.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteStatus } from '@vhostd/protocol';
import { selfSigned } from '../../kit/certificate.js';
import { checkAnswer, randomExchange, simpleExchange, slowPost } from '../../kit/exchange.js';
import type { Exchange } from '../../kit/exchange.js';
import { Random } from '../../kit/random.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { openSecure } from '../../kit/secure-client.js';
import { WireClient } from '../../kit/wire-client.js';

const HOST = 'a.test';
/** Connections that the stopped worker has been given when it is killed. */
const STUCK = 5;

interface Sent {
  client: WireClient;
  requests: Exchange[];
  /** What is sent only when the worker has been killed. */
  later: Buffer;
}

type Kind = (random: Random, port: number) => Promise<Sent>;

const KINDS: Record<string, Kind> = {
  'a head': async (_random, port) => await send(port, [simpleExchange(HOST)]),
  'heads and bodies, several at once': async (random, port) =>
    await send(
      port,
      Array.from({ length: 4 }, () => randomExchange(random, HOST)),
    ),
  'a body of 300 KB': async (random, port) => await send(port, [upload(random)]),
  'half of a body': async (random, port) => {
    const request = upload(random);
    return await send(port, [request], random.integer(100, request.bytes.length - 1));
  },
};

test('what a stopped worker had been given is served by another, byte by byte', async (t) => {
  const seed = Random.seed();
  const random = new Random(seed);
  const place = { host: HOST, port: 0, ipaddress: '127.0.0.1' };
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        // Beside another worker a stopped one would not be given that many.
        cpuLen: 1,
        listen: [place, { type: 'ssl', ...place, ...(await selfSigned(HOST)) }],
        restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
      },
    ],
  });
  const port = await vhostd.port();
  const counts: string[] = [];
  for (const [kind, open] of Object.entries(KINDS)) {
    await vhostd.ready('a', 1);
    const { sites } = await vhostd.until('nobody is connected', ({ sites: [a] }) =>
      Boolean(a?.workers.every(({ state, connections }) => state === 'ready' && connections === 0)),
    );
    const victim = sites[0]?.workers[0]?.pid ?? 0;
    process.kill(victim, 'SIGSTOP');
    const all: Sent[] = [];
    await giveTo(vhostd, victim, async () => void all.push(await open(random, port)));
    process.kill(victim, 'SIGKILL');
    for (const { client, later } of all) client.send(later);
    for (const { client, requests } of all) {
      for (const request of requests) assert.notEqual((await checkAnswer(client, request)).pid, victim);
      client.close();
    }
    counts.push(`${kind}: ${all.length} of ${all.length} served, ${STUCK} of them given again`);
  }
  t.diagnostic(`SEED=${seed}; ${counts.join('; ')}`);
  assert.equal((await vhostd.status()).counts.redispatched, STUCK * Object.keys(KINDS).length);
  assert.deepEqual((await vhostd.status()).counts.refused, {});
});

test('TLS clients of a stopped worker shake hands with another', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        cpuLen: 1,
        listen: [{ type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) }],
        restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
      },
    ],
  });
  const port = await vhostd.port('ssl');
  const [worker] = await vhostd.workers('a');
  const victim = worker?.pid ?? 0;
  process.kill(victim, 'SIGSTOP');
  const clients: Promise<WireClient>[] = [];
  await giveTo(vhostd, victim, () => void clients.push(openSecure(port, HOST)));
  process.kill(victim, 'SIGKILL');
  for (const client of await Promise.all(clients)) {
    const request = simpleExchange(HOST);
    client.send(request.bytes);
    assert.notEqual((await checkAnswer(client, request)).pid, victim);
    client.close();
  }
  t.diagnostic(`${clients.length} of ${clients.length} handshakes done and requests answered`);
  assert.equal((await vhostd.status()).counts.redispatched, STUCK);
});

/** Opens connections until the stopped worker has been given as many as wanted. */
async function giveTo(vhostd: LoneMaster, victim: number, open: () => Promise<void> | void): Promise<void> {
  const { handedOff } = (await vhostd.status()).counts;
  for (let opened = 1; ; opened += 1) {
    await open();
    const { sites } = await vhostd.until('it is with a worker', ({ sites: [a], counts }) => {
      return counts.handedOff - handedOff + connectionsOf(a, victim) === opened;
    });
    if (connectionsOf(sites[0], victim) === STUCK) return;
  }
}

function connectionsOf(site: SiteStatus | undefined, pid: number): number {
  return site?.workers.find((worker) => worker.pid === pid)?.connections ?? 0;
}

async function send(port: number, requests: Exchange[], atFirst?: number): Promise<Sent> {
  const client = await WireClient.open(port);
  const bytes = Buffer.concat(requests.map((request) => request.bytes));
  client.send(bytes.subarray(0, atFirst));
  return { client, requests, later: bytes.subarray(atFirst ?? bytes.length) };
}

/** A POST of 300 KB. */
function upload(random: Random): Exchange {
  return slowPost(random, HOST, { bodyBytes: 300_000, slowMs: 0, closes: false });
}
