// What does a kept-alive connection cost the master once a worker has it?
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { verifyAnswers } from '../load/verify.js';
import { descriptorCount, residentBytes } from '../measure/process-usage.js';
import { median } from '../measure/rounds.js';
import type { Row } from '../measure/report.js';
import type { Running } from '../servers/server.js';
import { vhostd } from '../servers/vhostd.js';
import type { Question } from './question.js';

const COUNT = 2000;

export const idleConnections: Question = {
  title: `The master beside ${COUNT} idle kept-alive connections`,
  answer: async ({ rounds }) => {
    const server = await vhostd('pipe').start();
    if ('unavailable' in server) throw new Error(server.unavailable);
    try {
      await verifyAnswers(server);
      // The first time the master's heap and the kernel's tables grow to what they need.
      await hold(server);
      const costs = [];
      for (let round = 0; round < rounds; round += 1) costs.push(await hold(server));
      return [
        row(
          'resident memory of the master per idle connection',
          'bytes',
          64,
          costs.map(({ bytes }) => bytes),
        ),
        row(
          'descriptors of the master more than without them',
          '',
          0,
          costs.map(({ descriptors }) => descriptors),
        ),
        row(
          'requests on the connections afterwards that failed',
          `of ${COUNT}`,
          0,
          costs.map(({ failed }) => failed),
        ),
      ];
    } finally {
      await server.stop();
    }
  },
};

function row(what: string, unit: string, atMost: number, values: number[]): Row {
  const spread = { low: Math.min(...values), high: Math.max(...values) };
  return { what, value: median(values), unit, spread, target: { atMost } };
}

/** Opens the connections, lets them idle, uses each again, closes them. */
async function hold(server: Running): Promise<{ bytes: number; descriptors: number; failed: number }> {
  const before = await holdings(server);
  const clients: Socket[] = [];
  for (let index = 0; index < COUNT; index += 1) {
    const client = connect(server.port, '127.0.0.1');
    clients.push(client);
    if (!(await answered(client))) throw new Error(`connection ${index} was not answered`);
  }
  const during = await holdings(server);
  let failed = 0;
  for (const client of clients) if (!(await answered(client))) failed += 1;
  await Promise.all(clients.map((client) => closed(client)));
  return {
    bytes: Math.max(0, during.bytes - before.bytes) / COUNT,
    descriptors: during.descriptors - before.descriptors,
    failed,
  };
}

async function holdings(server: Running): Promise<{ bytes: number; descriptors: number }> {
  // The last confirmations are on their way for a turn of the workers' loops.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await server.collectGarbage();
  return { bytes: residentBytes(server.pid), descriptors: descriptorCount(server.pid) };
}

/** Sends a request; whether its answer came, and from the right site. */
async function answered(client: Socket): Promise<boolean> {
  client.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  return await new Promise<boolean>((resolve) => {
    let answer = '';
    const finish = (ok: boolean): void => {
      client.removeAllListeners();
      client.on('error', () => undefined);
      resolve(ok);
    };
    client.on('error', () => finish(false));
    client.on('close', () => finish(false));
    client.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.includes('site a.test\n') && answer.endsWith('.'))
        finish(answer.startsWith('HTTP/1.1 200 '));
    });
  });
}

function closed(client: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (client.destroyed) return resolve();
    client.once('close', () => resolve());
    client.destroy();
  });
}

const SETTLE_MS = 500;
