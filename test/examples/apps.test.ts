// The apps of examples/apps, which know nothing of vhostd: all of them as sites of one vhostd, reloaded at once while
// clients use each of them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { atEnd } from '../kit/at-end.js';
import type { Exchange } from '../kit/exchange.js';
import { Load } from '../kit/load.js';
import { WrongAnswer } from '../kit/outcome.js';
import { startVhostd } from '../kit/start-vhostd.js';
import type { SiteOptions } from '../kit/start-vhostd.js';
import { until } from '../kit/until.js';

const APPS = fileURLToPath(new URL('../../../examples/apps/', import.meta.url));
const JOB_COUNT = 200;

/** What each app answers to GET /. */
const BODIES: Readonly<Record<string, string>> = {
  express: 'Hello World!',
  fastify: '{"hello":"world"}',
  koa: 'Hello World',
  hono: 'Hello Node.js!',
  nest: 'Hello World!',
  typescript: 'Hello World!\n',
};

const runsTypeScript = Boolean(Reflect.get(process.features, 'typescript'));

/** The sites of the conf that stands beside the apps, on one port that the kernel chooses. */
function sites(): SiteOptions[] {
  const conf = JSON.parse(readFileSync(join(APPS, 'vhostd.config.json'), 'utf8')) as { sites: SiteOptions[] };
  return conf.sites
    .filter(({ siteId }) => siteId !== 'typescript' || runsTypeScript)
    .map((site) => {
      const { siteId, workerFile } = site;
      const entry = { host: `${siteId}.localhost`, port: 0, ipaddress: '127.0.0.1' };
      const listen = site['server'] === false ? [] : [entry];
      // Clients of WebSockets are told towards the end of it.
      return { ...site, workerFile: join(APPS, String(workerFile)), listen, drainTimeout: '3s' };
    });
}

/** A GET, and the check of the whole answer. */
function hello(host: string, body: string, closes: boolean): Exchange {
  const close = closes ? 'Connection: close\r\n' : '';
  return {
    url: '/',
    bytes: Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n${close}\r\n`),
    read: async (client, told) => {
      const answer = await client.answer();
      if (answer.status !== 200 || answer.body.toString() !== body) {
        throw new WrongAnswer(`${answer.status} ${answer.body.toString()}`);
      }
      told.siteId = host.split('.')[0] ?? '';
      told.closes = answer.headers['connection'] === 'close';
    },
  };
}

/** Clients of one app, on connections that they keep and on fresh ones. */
function loadsOf(siteId: string, port: number): Load[] {
  const host = `${siteId}.localhost`;
  return (['kept', 'fresh'] as const).map(
    (connections) =>
      new Load({
        port,
        host,
        connections,
        pauseMaxMs: 40,
        request: (_random, _host, closes) => hello(host, BODIES[siteId] ?? '', closes),
      }),
  );
}

/** Talks to the ws app, one message behind the answer to the one before, on a new connection when the old one ends. */
class WebSocketTalk {
  count = 0;
  readonly closeCodes: number[] = [];
  readonly ended: Promise<void>;
  #stopping = false;

  constructor(port: number) {
    this.ended = this.#run(port);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.ended;
  }

  async #run(port: number): Promise<void> {
    while (!this.#stopping) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: 'ws.localhost' } });
      await once(socket, 'open');
      const closed = once(socket, 'close') as Promise<[number]>;
      socket.on('message', (data: Buffer) => {
        assert.equal(data.toString(), `received: ${this.count}`);
        this.count += 1;
        if (this.#stopping) socket.close(1000);
        else setTimeout(() => socket.send(String(this.count)), 20);
      });
      socket.send(String(this.count));
      const [code] = await closed;
      this.closeCodes.push(code);
    }
  }
}

/** Talks to the Socket.IO app, as its documents say: what is not acknowledged is sent again. */
class SocketTalk {
  count = 0;
  readonly #socket: ReturnType<typeof io>;
  readonly #ended: Promise<void>;
  #stopping = false;

  constructor(t: TestContext, port: number) {
    this.#socket = io(`http://127.0.0.1:${port}`, {
      extraHeaders: { host: 'socketio.localhost' },
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      ackTimeout: 60_000,
      retries: 5,
    });
    atEnd(t, () => this.#socket.disconnect());
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const text = String(this.count);
      assert.equal(await this.#socket.emitWithAck('hello', text), `hello ${text}`);
      this.count += 1;
    }
  }
}

test('apps as their documents write them lose nothing in a reload of all', async (t) => {
  const vhostd = await startVhostd(t, { sites: sites(), wait: false });
  const jobs = join(vhostd.dir, 'jobs');
  mkdirSync(jobs, { recursive: true });
  await vhostd.ready();
  const port = await vhostd.port();
  const names = Object.keys(BODIES).filter((siteId) => siteId !== 'typescript' || runsTypeScript);
  const loads = names.flatMap((siteId) => loadsOf(siteId, port));
  const webSocket = new WebSocketTalk(port);
  const talks = [webSocket, new SocketTalk(t, port)];
  for (let n = 0; n < JOB_COUNT; n += 1) writeFileSync(join(jobs, `${n}.job`), '');
  const progress = async (): Promise<void> => {
    const counts = talks.map(({ count }) => count);
    await Promise.all(loads.map((load) => load.progress(5)));
    await until('sockets are answered', () => {
      const value = talks.map(({ count }, index) => count - (counts[index] ?? 0));
      return { done: value.every((more) => more > 3), value };
    });
  };
  await progress();
  await vhostd.reloaded();
  await until('the WebSocket was told to come again', () => {
    const value = webSocket.closeCodes;
    return { done: value.length > 0, value };
  });
  await progress();
  await Promise.all([...loads, ...talks].map((client) => client.stop()));
  const done = await until('every job is done', () => {
    const value = readFileSync(join(vhostd.dir, 'done'), 'utf8').trim().split('\n');
    return { done: value.length >= JOB_COUNT && readdirSync(jobs).length === 0, value: value.length };
  });
  for (const load of loads) load.outcome.assertNothingLost('a client');
  assert.equal(done, JOB_COUNT, 'each once');
  assert.deepEqual(new Set(webSocket.closeCodes), new Set([1001, 1000]), 'nobody was cut');
  assert.equal(vhostd.output.includes('"level":50'), false, vhostd.output);
});
