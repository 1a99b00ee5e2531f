// Two sites exchange their hosts by a reload, over TLS: connections cannot move to the other site. What came for a host
// is served by the site that had it then, once, and ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { seenBy } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { Load } from '../../kit/load.js';
import { openSecure } from '../../kit/secure-client.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';

const SWAP_COUNT = 3;

/** Two sites, and with `exchanged` the one has the host of the other. */
async function conf(
  workerFile: string,
): Promise<{ keys: Record<string, string>; sites: (exchanged: boolean) => SiteOptions[] }> {
  const keys: Record<string, string> = { ...(await selfSigned('a.test')) };
  const place = (host: string): object => ({ type: 'ssl', host, port: 0, ipaddress: '127.0.0.1', ...keys });
  const sites = (exchanged: boolean): SiteOptions[] =>
    (exchanged ? ['b', 'a'] : ['a', 'b']).map((label, index) => ({
      siteId: index === 0 ? 'a' : 'b',
      workerFile,
      cpuLen: 1,
      listen: [place(`${label}.test`)],
      workerOptions: { env: keys },
    }));
  return { keys, sites };
}

test('an exchange of hosts loses no request over TLS, and each connection ends with its next answer', async (t) => {
  const { sites } = await conf(siteFile('echo'));
  const vhostd = await startVhostd(t, { sites: sites(false) });
  const port = await vhostd.port('ssl');
  const loads = ['a.test', 'b.test'].flatMap((host) =>
    (['kept', 'fresh'] as const).map(
      (connections) =>
        new Load({
          port,
          host,
          siteId: ['a', 'b'],
          connections,
          clientCount: 3,
          pauseMaxMs: 20,
          connect: (to) => openSecure(to, host),
        }),
    ),
  );
  const idle = await openSecure(port, 'a.test');
  const ask = async (): Promise<[string, string | undefined]> => {
    idle.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const answer = await idle.answer();
    return [seenBy(answer).siteId, answer.headers['connection']];
  };
  assert.deepEqual(await ask(), ['a', 'keep-alive']);
  for (let count = 1; count <= SWAP_COUNT; count += 1) {
    await Promise.all(loads.map((load) => load.progress(20)));
    vhostd.configure(sites(count % 2 === 1));
    await vhostd.reloaded();
    if (count > 1) continue;
    assert.deepEqual(await ask(), ['a', 'close']);
    assert.equal((await idle.rest()).length, 0);
  }
  await Promise.all(loads.map((load) => load.progress(20)));
  const outcomes = await Promise.all(loads.map((load) => load.stop()));
  t.diagnostic(outcomes.join('; '));
  for (const outcome of outcomes) outcome.assertNothingLost();
  assert.deepEqual((await vhostd.status()).counts.refused, {});
});

test('an exchange of hosts has no stream of HTTP/2 refused', async (t) => {
  const { sites } = await conf(new URL('./http2-echo.site.js', import.meta.url).pathname);
  const vhostd = await startVhostd(t, { sites: sites(false) });
  const port = await vhostd.port('ssl');
  const clients = ['a.test', 'b.test'].map((host) => new Streams(port, host));
  atEnd(t, () => Promise.all(clients.map((client) => client.stop())));
  for (let count = 1; count <= SWAP_COUNT; count += 1) {
    await Promise.all(clients.map((client) => client.progress()));
    vhostd.configure(sites(count % 2 === 1));
    await vhostd.reloaded();
    const owner = count % 2 === 1 ? { 'a.test': 'b', 'b.test': 'a' } : { 'a.test': 'a', 'b.test': 'b' };
    await Promise.all(clients.map((client) => client.until(owner[client.host as 'a.test'])));
  }
  await Promise.all(clients.map((client) => client.stop()));
  t.diagnostic(clients.map(({ okCount, sessionCount }) => `${okCount} on ${sessionCount}`).join(', '));
  assert.deepEqual(
    clients.flatMap(({ failures }) => failures),
    [],
  );
  for (const { sessionCount } of clients) assert.equal(sessionCount, SWAP_COUNT + 1);
});

/** A client that has one stream behind the other, and another session where one ends. */
class Streams {
  readonly host: string;
  readonly failures: string[] = [];
  okCount = 0;
  sessionCount = 0;
  readonly #port: number;
  readonly #done: Promise<void>;
  #stopping = false;
  #wakeups: ((siteId: string) => void)[] = [];

  constructor(port: number, host: string) {
    this.#port = port;
    this.host = host;
    this.#done = this.#run();
  }

  /** Resolves with the answers to come: after some of them, or the first of a site. */
  async until(siteId: string): Promise<void> {
    while ((await this.#next()) !== siteId);
  }

  async progress(): Promise<void> {
    for (let count = 0; count < 20; count += 1) await this.#next();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #next(): Promise<string> {
    if (this.failures.length > 0) throw new Error(this.failures.join('\n'));
    return await new Promise((resolve) => this.#wakeups.push(resolve));
  }

  async #run(): Promise<void> {
    while (!this.#stopping && this.failures.length === 0) {
      const session = connect(`https://127.0.0.1:${this.#port}`, {
        servername: this.host,
        rejectUnauthorized: false,
      });
      this.sessionCount += 1;
      session.on('error', (error) => this.failures.push(error.message));
      while (!this.#stopping && !session.closed && this.failures.length === 0) await this.#ask(session);
      session.close();
    }
  }

  async #ask(session: ClientHttp2Session): Promise<void> {
    try {
      const stream = session.request({ ':path': '/', ':authority': this.host });
      const [headers] = (await once(stream, 'response')) as [Record<string, string | number>];
      stream.resume();
      if (!stream.closed) await once(stream, 'close');
      if (headers[':status'] === 200) this.okCount += 1;
      else this.failures.push(`${this.host} was answered ${headers[':status']}`);
      for (const wake of this.#wakeups.splice(0)) wake(String(headers['x-site']));
    } catch (error) {
      this.failures.push(String(error));
    }
  }
}
