import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { next } from './fixtures/next-event.test.kit.js';
import { addressOf } from './fixtures/server-address.test.kit.js';
import type { Attempt, Outcome, Scenario } from './fixtures/listening-worker.test.kit.js';

interface Forked {
  worker: Worker;
  /** What the worker asked its primary for. */
  queries: string[];
  /** Fulfilled with the first query. */
  asked: Promise<void>;
}

/** Forks a cluster worker whose primary answers none of its internal messages. */
async function forkWorker(t: TestContext): Promise<Forked> {
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('fixtures/listening-worker.test.kit.js', import.meta.url)),
  });
  const worker = cluster.fork();
  t.after(() => worker.process.kill('SIGKILL'));
  // Not 'online': what a cluster worker is sent before its modules have loaded is lost.
  await once(worker, 'message');
  worker.process.removeAllListeners('internalMessage');
  const queries: string[] = [];
  const asked = new Promise<void>((resolve) => {
    worker.process.on('internalMessage', (message: { act?: unknown }) => {
      if (typeof message.act !== 'string') return;
      queries.push(message.act);
      resolve();
    });
  });
  return { worker, queries, asked };
}

async function run(t: TestContext, scenario: Scenario, port = 0, path = ''): Promise<Outcome & Forked> {
  const forked = await forkWorker(t);
  const outcome = next<[Outcome]>(forked.worker, 'message');
  const attempt: Attempt = { scenario, port, path };
  forked.worker.send(attempt);
  const [message] = await outcome;
  return { ...message, ...forked };
}

async function answerOf(options: { port: number } | { socketPath: string }): Promise<string> {
  const request = get({ ...options, host: '127.0.0.1', agent: false });
  const [response] = await next<[IncomingMessage]>(request, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

async function takenPort(t: TestContext, host?: string): Promise<number> {
  const server = createServer().listen(0, host);
  t.after(() => server.close());
  await once(server, 'listening');
  return addressOf(server).port;
}

void describe('a listen of a server that is not adopted, in a cluster worker', () => {
  void it('asks the primary when nothing is done about it', async (t) => {
    const { worker, queries, asked } = await forkWorker(t);
    const attempt: Attempt = { scenario: 'unhooked', port: 0, path: '' };
    worker.send(attempt);
    await asked;
    assert.deepEqual(queries, ['queryServer']);
  });

  void it('binds a port in the worker and asks nobody', async (t) => {
    const { address, listening, queries, worker } = await run(t, 'a port');
    assert.equal(listening, 1);
    const port = address?.port ?? 0;
    assert.equal(await answerOf({ port }), `pid ${worker.process.pid}`);
    assert.deepEqual(queries, []);
  });

  void it('binds the address of a host name', async (t) => {
    const { address, queries } = await run(t, 'a host');
    assert.match(address?.address ?? '', /^(127\.0\.0\.1|::1)$/);
    assert.deepEqual(queries, []);
  });

  void it('reports a port that is taken', async (t) => {
    const { code, listening } = await run(t, 'a port', await takenPort(t));
    assert.equal(code, 'EADDRINUSE');
    assert.equal(listening, 0);
  });

  void it('binds a Unix socket with the mode that was asked for', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'listens-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'admin.sock');
    const { location, queries, worker } = await run(t, 'a path', 0, path);
    assert.equal(location, path);
    assert.equal(statSync(path).mode & 0o222, 0o222);
    assert.equal(await answerOf({ socketPath: path }), `pid ${worker.process.pid}`);
    assert.deepEqual(queries, []);
  });

  for (const scenario of ['adopted in the same tick', 'adopted, then told to listen'] as const) {
    void it(`binds nothing when ${scenario}`, async (t) => {
      const { address, listening, code, queries } = await run(t, scenario, await takenPort(t));
      assert.equal(code, undefined);
      assert.deepEqual(address, { address: '10.1.2.3', port: 80, family: 'IPv4' });
      assert.equal(listening, 1);
      assert.deepEqual(queries, []);
    });
  }

  void it('binds nothing when it was closed in the same tick', async (t) => {
    const { queries } = await run(t, 'closed in the same tick', await takenPort(t));
    assert.deepEqual(queries, []);
  });

  for (const scenario of ['datagrams', 'datagrams by options'] as const) {
    void it(`binds ${scenario} in the worker`, async (t) => {
      const { address, queries } = await run(t, scenario);
      assert.equal(address?.address, '127.0.0.1');
      assert.deepEqual(queries, []);
      const other = createSocket('udp4').bind(0, '127.0.0.1');
      t.after(() => other.close());
      await once(other, 'listening');
      assert.equal((await run(t, scenario, other.address().port)).code, 'EADDRINUSE');
    });
  }
});
