// The process of clients that a benchmark starts. Runs until it is told to stop. Argument: the plan as JSON.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createSecureContext } from 'node:tls';
import type { Exchange } from '@vhostd/test/exchange';
import { Load } from '@vhostd/test/load';
import { WrongAnswer } from '@vhostd/test/outcome';
import { WireClient } from '@vhostd/test/wire-client';
import type { ClientsPlan, GroupResult } from '../load/clients.js';
import { answerOf } from './answer.js';
import { hashingAnswer } from './hashing-server.js';

/** Some bodies with their hashes, so that a client need not hash. */
const BODIES = Array.from({ length: 16 }, () => {
  const bytes = randomBytes(16_384);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
});

const plan = JSON.parse(process.argv[2] ?? '') as ClientsPlan;
const { port, hosts, pauseMaxMs, limitMs, secure } = plan;

let lastNumber = 0;

function exchange(url: string, bytes: Buffer, expected: string): Exchange {
  return {
    url,
    bytes,
    read: async (client, told) => {
      const { status, headers, body } = await client.answer();
      if (status !== 200 || body.toString('latin1') !== expected) throw new WrongAnswer(`status ${status}`);
      told.closes = headers['connection']?.toLowerCase() === 'close';
    },
  };
}

/** Of each host; made once: this client's own work must not be what is measured. */
const GETS = [false, true].map((closes) => hosts.map((host) => get(host, closes)));

function get(host: string, closes: boolean): Exchange {
  const close = closes ? 'Connection: close\r\n' : '';
  return exchange('/', Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n${close}\r\n`), answerOf(host));
}

function nextGet(closes: boolean): Exchange {
  lastNumber += 1;
  const next = GETS[closes ? 1 : 0]?.[lastNumber % hosts.length];
  if (next === undefined) throw new Error('there is no host to ask for');
  return next;
}

function post(closes: boolean): Exchange {
  const url = `/${(lastNumber += 1)}`;
  const host = hosts[lastNumber % hosts.length] ?? '';
  const { bytes, sha256 } = BODIES[lastNumber % BODIES.length] ?? { bytes: Buffer.alloc(0), sha256: '' };
  const close = closes ? 'Connection: close\r\n' : '';
  const head = `POST ${url} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes.length}\r\n${close}\r\n`;
  return exchange(url, Buffer.concat([Buffer.from(head), bytes]), hashingAnswer(url, sha256));
}

const secureContext = createSecureContext();
let session: Buffer | undefined;

/** Whose certificate it is does not matter here. */
async function openSecure(): Promise<WireClient> {
  const resumes = secure === 'resumed' && session !== undefined;
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: hosts[0],
    rejectUnauthorized: false,
    secureContext,
    ...(resumes ? { session } : {}),
  });
  socket.setNoDelay();
  socket.once('session', (ticket) => (session ??= ticket));
  await once(socket, 'secureConnect');
  if (resumes && !socket.isSessionReused()) throw new WrongAnswer('its session was not resumed');
  return new WireClient(socket);
}

const startedMs = performance.now();
const loads = plan.groups.map(
  ({ clients, keepAlive }) =>
    new Load({
      port,
      host: hosts[0] ?? '',
      pauseMaxMs,
      limitMs,
      connections: keepAlive ? 'kept' : 'fresh',
      clientCount: clients,
      lostMaxCount: Infinity,
      ...(secure === undefined ? {} : { connect: openSecure }),
      request: (_random, _host, closes) => (plan.request === 'post' ? post(closes) : nextGet(closes)),
    }),
);
process.on('disconnect', () => process.exit());
process.once('message', () => {
  const seconds = (performance.now() - startedMs) / 1000;
  void Promise.all(loads.map((load) => load.stop())).then((outcomes) => {
    const results: GroupResult[] = outcomes.map((outcome) => ({
      outcome: { ...outcome.counts, longestGapMs: outcome.longestGapMs, down: outcome.down },
      seconds,
      p50Ms: outcome.latencyMs(0.5),
      p99Ms: outcome.latencyMs(0.99),
    }));
    process.send?.(results, () => process.disconnect());
  });
});
await Promise.all(loads.map(({ flowing }) => flowing));
process.send?.('flowing');
