// HTTP/2 sessions cannot move to another process: a reload ends them by GOAWAY, and no stream is refused.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { describe, it } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { selfSigned } from '../../kit/certificate.js';
import { hasH2load, runH2load } from '../../kit/h2load.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { HOST, startSite } from './site-under-reload.js';

const PLACE = { port: 0, ipaddress: '127.0.0.1' };
const SECURE = { type: 'ssl', host: HOST, ...PLACE, ...(await selfSigned(HOST)) };

const WAYS: { way: 'tcp' | 'ssl'; name: string; options: Partial<SiteOptions> }[] = [
  {
    way: 'ssl',
    name: 'over TLS',
    options: { listen: [SECURE], workerOptions: { env: { TLS: 'http2' } } },
  },
  {
    way: 'tcp',
    name: 'in clear',
    options: { listen: [{ type: 'tcp', ...PLACE }], workerOptions: { env: { HTTP2: '1' } } },
  },
];

const RELOAD_COUNT = 2;
const CLIENT_COUNT = 2;
const STREAM_COUNT = 4;

for (const { way, name, options } of WAYS) {
  void describe(`HTTP/2 ${name}`, () => {
    void it('loses no request of h2load in reloads', async (t) => {
      if (!hasH2load(t)) return;
      const vhostd = await startSite(t, options);
      const port = await vhostd.port(way);
      const url = `${way === 'ssl' ? 'https' : 'http'}://${HOST}:${port}/any?answer=100`;
      const args = [
        '-c',
        `${CLIENT_COUNT}`,
        '-m',
        '32',
        `--connect-to=127.0.0.1:${port}`,
        '-n',
        '1000000',
        url,
      ];
      let requestCount = 0;
      for (let count = 1; count <= RELOAD_COUNT; count += 1) {
        // It opens no other connection when one ends, and counts what it has not begun as failed.
        const load = runH2load(args);
        await vhostd.until('it is connected', ({ counts }) => counts.handedOff === count * CLIENT_COUNT);
        await vhostd.reloaded('a');
        const { started, succeeded } = await load;
        assert.equal(succeeded, started);
        requestCount += succeeded;
      }
      t.diagnostic(`${requestCount} requests`);
      assert.ok(requestCount > CLIENT_COUNT * RELOAD_COUNT);
      await vhostd.drained();
    });

    void it("loses no request of Node's client in reloads", async (t) => {
      const vhostd = await startSite(t, options);
      const port = await vhostd.port(way);
      const clients = Array.from({ length: CLIENT_COUNT }, () => new Client(way, port));
      atEnd(t, () => Promise.all(clients.map((client) => client.stop())));
      for (let count = 0; count < RELOAD_COUNT; count += 1) {
        await Promise.all(clients.map((client) => client.progress(STREAM_COUNT * 3)));
        await vhostd.reloaded('a');
      }
      await Promise.all(clients.map((client) => client.progress(STREAM_COUNT * 3)));
      await Promise.all(clients.map((client) => client.stop()));
      await vhostd.drained();
      const failures = clients.flatMap((client) => client.failures);
      t.diagnostic(clients.map(({ okCount, sessionCount }) => `${okCount} on ${sessionCount}`).join(', '));
      assert.deepEqual(failures, []);
      for (const { sessionCount } of clients) assert.equal(sessionCount, RELOAD_COUNT + 1);
    });
  });
}

/** Requests of {@link STREAM_COUNT} askers, which share a session until it is told to end. */
class Client {
  readonly failures: string[] = [];
  okCount = 0;
  sessionCount = 0;
  readonly #open: () => ClientHttp2Session;
  readonly #askers: Promise<void>[];
  #session: ClientHttp2Session | undefined;
  #stopped = false;
  #onAnswer: (() => void)[] = [];

  constructor(way: 'tcp' | 'ssl', port: number) {
    const url = `${way === 'ssl' ? 'https' : 'http'}://127.0.0.1:${port}`;
    this.#open = () => connect(url, { servername: HOST, rejectUnauthorized: false });
    this.#askers = Array.from({ length: STREAM_COUNT }, () => this.#ask());
  }

  /** Resolves after so many answers more. */
  async progress(count: number): Promise<void> {
    const wanted = this.okCount + count;
    while (this.okCount < wanted) {
      assert.deepEqual(this.failures, []);
      await new Promise<void>((resolve) => this.#onAnswer.push(resolve));
    }
  }

  /** Ends its session once all that was asked is answered: a server refuses what is on its way by then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#askers);
    this.#session?.close();
  }

  #current(): ClientHttp2Session {
    if (this.#session === undefined) {
      const session = this.#open();
      this.#session = session;
      this.sessionCount += 1;
      const leave = (): void => {
        if (this.#session === session) this.#session = undefined;
      };
      session.once('goaway', leave);
      session.once('close', leave);
      session.on('error', (error) => this.failures.push(`session: ${String(error)}`));
    }
    return this.#session;
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#request();
        this.okCount += 1;
      } catch (error) {
        this.failures.push(String(error));
        this.#stopped = true;
      }
      for (const resolve of this.#onAnswer.splice(0)) resolve();
      await new Promise(setImmediate);
    }
  }

  #request(): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.#current().request({ ':path': '/any?answer=100', ':authority': HOST });
      let length = 0;
      stream.on('data', (chunk: Buffer) => (length += chunk.length));
      stream.on('error', reject);
      stream.on('close', () => {
        if (length === 100) resolve();
        else reject(new Error(`${length} bytes, then closed with ${stream.rstCode}`));
      });
    });
  }
}
