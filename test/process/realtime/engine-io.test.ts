// The steps of the Engine.IO protocol on the wire (github.com/socketio/engine.io-protocol), each request on a connection
// of its own, with two workers by the confs that docs/realtime.md gives: a client may send each of them anywhere.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { atEnd } from '../../kit/at-end.js';
import { startHaproxy } from '../../kit/balancer.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';

const COOKIE = { cookie: 'io' };
const SESSION_COUNT = 4;
/** Between the packets of one payload. */
const SEPARATOR = '\x1e';

/** What a client of long polling knows: the id of its session, and the cookie. */
class Session {
  readonly #t: TestContext;
  readonly #port: number;
  #cookie = '';
  #id = '';

  constructor(t: TestContext, port: number) {
    this.#t = t;
    this.#port = port;
  }

  /** The handshake, and the connection to the namespace in which the app listens. */
  async open(): Promise<void> {
    const { status, body } = await this.poll();
    assert.equal(status, 200, body);
    assert.match(body, /^0\{/);
    const handshake = JSON.parse(body.slice(1)) as { sid: string; upgrades: string[] };
    assert.deepEqual(handshake.upgrades, ['websocket']);
    this.#id = handshake.sid;
    assert.deepEqual(await this.send('40'), { status: 200, body: 'ok' });
    assert.match((await this.poll()).body, /^40\{/);
  }

  async poll(): Promise<{ status: number; body: string }> {
    return await this.#ask('GET');
  }

  async send(...packets: string[]): Promise<{ status: number; body: string }> {
    return await this.#ask('POST', packets.join(SEPARATOR));
  }

  /** A WebSocket for the same session. */
  webSocket(): WebSocket {
    const url = `ws://127.0.0.1:${this.#port}${this.#path('websocket')}`;
    const webSocket = new WebSocket(url, { headers: { cookie: this.#cookie } });
    atEnd(this.#t, () => webSocket.terminate());
    return webSocket;
  }

  async #ask(method: string, body = ''): Promise<{ status: number; body: string }> {
    const headers = { cookie: this.#cookie, 'content-type': 'text/plain;charset=UTF-8' };
    // Without an agent each request would say that its connection ends.
    const agent = new Agent({ keepAlive: true });
    const [response] = (await once(
      request({
        port: this.#port,
        host: '127.0.0.1',
        path: this.#path('polling'),
        method,
        headers,
        agent,
      }).end(body),
      'response',
    )) as [IncomingMessage];
    const [cookie] = response.headers['set-cookie'] ?? [];
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? '';
    const answer = { status: response.statusCode ?? 0, body: await text(response) };
    agent.destroy();
    return answer;
  }

  #path(transport: string): string {
    const session = this.#id === '' ? '' : `&sid=${this.#id}`;
    return `/socket.io/?EIO=4&transport=${transport}${session}`;
  }
}

/** The next message of a WebSocket. */
async function next(webSocket: WebSocket): Promise<string> {
  const [message] = (await once(webSocket, 'message')) as [Buffer];
  return message.toString();
}

/** What the app answers to each `echo`. */
function echoed(body: string): string[] {
  return body.split(SEPARATOR).map((packet) => /^43\d\[\["([^"]*)"/.exec(packet)?.[1] ?? packet);
}

async function goThrough(t: TestContext, port: number): Promise<void> {
  const sessions = Array.from({ length: SESSION_COUNT }, () => new Session(t, port));
  for (const session of sessions) await session.open();
  const [spoken, upgraded, doubled, closed] = sessions as [Session, Session, Session, Session];

  await t.test('a payload of several packets arrives, and is answered in order', async () => {
    const sent = await spoken.send('420["echo","one"]', '421["echo","two"]');
    assert.deepEqual(sent, { status: 200, body: 'ok' });
    const answers = [];
    while (answers.length < 2) answers.push(...echoed((await spoken.poll()).body));
    assert.deepEqual(answers, ['one', 'two']);
  });

  await t.test('a session goes over to a WebSocket, and polling ends', async () => {
    const webSocket = upgraded.webSocket();
    await once(webSocket, 'open');
    webSocket.send('2probe');
    assert.equal(await next(webSocket), '3probe');
    // What waits for an answer meanwhile is ended by the server.
    const waiting = upgraded.poll();
    assert.equal((await waiting).body, '6');
    webSocket.send('5');
    webSocket.send('420["echo","over"]');
    assert.deepEqual(echoed(await next(webSocket)), ['over']);
    assert.equal((await upgraded.poll()).status, 400);
    webSocket.close();
  });

  await t.test('two polls at once end the session', async () => {
    const both = await Promise.all([doubled.poll(), doubled.poll()]);
    assert.ok(both.some(({ status }) => status === 400));
    assert.equal((await doubled.poll()).status, 400);
  });

  await t.test('a session that its client closes is gone', async () => {
    const waiting = closed.poll();
    assert.deepEqual(await closed.send('1'), { status: 200, body: 'ok' });
    // On another connection the close may be faster.
    const { status, body } = await waiting;
    assert.ok(status === 400 || body === '6', body);
    assert.equal((await closed.poll()).status, 400);
  });
}

for (const balance of [COOKIE, 'ip-hash'] as const) {
  const sticky = balance === COOKIE;
  const by = sticky ? 'a cookie' : 'ip-hash';

  for (const behind of [false, true]) {
    test(`by ${by}${behind ? ', behind HAProxy' : ''}`, async (t) => {
      const proxyProtocol = behind && !sticky ? { proxyProtocol: ['127.0.0.1/32'] } : {};
      const vhostd = await startVhostd(t, {
        sites: [
          {
            siteId: 'chat',
            workerFile: siteFile('chat', import.meta.url),
            cpuLen: 2,
            balance,
            listen: [{ port: 0, ipaddress: '127.0.0.1', ...proxyProtocol }],
          },
        ],
      });
      await vhostd.ready('chat', 2);
      const upstream = await vhostd.port();
      const conf = sticky
        ? { defaults: 'http-reuse never\n  option http-server-close' }
        : { server: 'send-proxy-v2' };
      const port = behind ? await startHaproxy(t, upstream, conf) : upstream;
      if (port !== undefined) await goThrough(t, port);
    });
  }
}
