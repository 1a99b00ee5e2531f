import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import { Dashboard } from './dashboard.js';

const STATUS: DaemonStatus = {
  daemon: { pid: 1, version: '1.2.3', node: 'v20', uptimeMs: 1_000 },
  listeners: [],
  sites: [{ siteId: 'shop', state: 'running', generation: 1, hosts: [], workers: [], parked: 0 }],
};

interface Asked {
  method: string;
  path: string;
  body?: unknown;
}

let dashboard: Dashboard;
let asked: Asked[];
let isRunning: boolean;
let closedLogs: number;
/** Until then no log is opened. */
let mayOpen: Promise<void>;
/** Called when a log is asked for. */
let onOpening: () => void;
beforeEach(async () => {
  mayOpen = Promise.resolve();
  onOpening = () => undefined;
  asked = [];
  isRunning = true;
  closedLogs = 0;
  dashboard = new Dashboard({
    client: {
      status: async () => {
        if (!isRunning) throw new VhostError('ERR_DAEMON_NOT_RUNNING', 'no daemon is running');
        return STATUS;
      },
      follow: () => new Promise(() => undefined),
      request: async ({ method, path, body }) => {
        asked.push({ method, path, body });
        if (path.includes('nowhere')) throw new VhostError('ERR_SITE_UNKNOWN', 'there is no site nowhere');
        return { done: true };
      },
    },
    openLog: async () => {
      onOpening();
      await mayOpen;
      return {
        more: () => [{ line: '\u001b[31mred\u001b[0m <b>' }],
        close: () => (closedLogs += 1),
      };
    },
  });
  await dashboard.open();
});
afterEach(() => dashboard.close());

interface Got {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** One request; with a text, until that has come: streams do not end. */
async function ask(
  path: string,
  { method = 'GET', headers = {}, body = '' }: { method?: string; headers?: object; body?: string } = {},
  untilText?: string,
): Promise<Got> {
  const { port } = new URL(dashboard.address());
  const request = http.request({ port, path, method, agent: false, headers: { ...headers } });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (untilText !== undefined && text.includes(untilText)) break;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: text };
}

async function cookie(address = dashboard.address()): Promise<string> {
  const { pathname, search } = new URL(address);
  const { headers } = await ask(`${pathname}${search}`);
  return String(headers['set-cookie']).split(';')[0] ?? '';
}

/** Headers of a request of the page itself. */
async function own(): Promise<Record<string, string>> {
  const { host } = new URL(dashboard.address());
  return { host, origin: `http://${host}`, cookie: await cookie(), 'content-type': 'application/json' };
}

void describe('who may use the dashboard', () => {
  void it('is whoever has the token, which becomes a cookie and leaves the address', async () => {
    const { pathname, search } = new URL(dashboard.address());
    const { status, headers } = await ask(`${pathname}${search}`);
    assert.deepEqual([status, headers['refresh']], [200, '0; url=/']);
    assert.match(
      String(headers['set-cookie']),
      /^vhostd-dashboard-\d+=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/,
    );
    assert.doesNotMatch(String(headers['set-cookie']), new RegExp(search.slice('?token='.length)));
    assert.equal((await ask('/', { headers: { cookie: await cookie() } })).status, 200);
    for (const path of ['/', '/api/feed', '/api/sites/shop', '/?token=wrong', '/?token=']) {
      assert.equal((await ask(path)).status, 401, path);
      assert.equal(
        (await ask(path, { headers: { cookie: `${(await cookie()).slice(0, -1)}_` } })).status,
        401,
      );
    }
  });

  void it('is once whoever has an address that holds once', async () => {
    const address = dashboard.address({ once: true });
    assert.match(await cookie(address), /^vhostd-dashboard-/);
    assert.equal(await cookie(address), 'undefined');
  });

  void it('is no page of another host whose name leads here', async () => {
    const headers = await own();
    for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.evil']) {
      assert.equal((await ask('/api/sites/shop', { headers: { ...headers, host } })).status, 421, host);
    }
    for (const host of ['localhost:9000', '127.0.0.1', '[::1]:1']) {
      assert.equal((await ask('/api/sites/shop', { headers: { ...headers, host } })).status, 200, host);
    }
  });

  void it('is no page of another origin', async () => {
    const headers = await own();
    const order = { method: 'POST', body: '{}' };
    const strangers = [
      { origin: 'http://evil.example' },
      { origin: 'http://127.0.0.1:1' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const stranger of strangers) {
      const { status } = await ask('/api/sites/shop/stop', {
        ...order,
        headers: { ...headers, ...stranger },
      });
      assert.equal(status, 403, JSON.stringify(stranger));
    }
    const { origin: _, ...without } = headers;
    assert.equal((await ask('/api/sites/shop/stop', { ...order, headers: without })).status, 403);
    assert.deepEqual(asked, []);
    assert.equal((await ask('/api/sites/shop/stop', { ...order, headers })).status, 200);
  });
});

void describe('what the dashboard answers', () => {
  void it('lets nothing run but its own files', async () => {
    for (const path of [
      '/',
      '/main.js',
      '/vendor/preact.js',
      '/vendor/uplot.js',
      '/vendor/uplot.css',
      '/nothing',
    ]) {
      const { headers } = await ask(path, { headers: await own() });
      const policy = String(headers['content-security-policy']);
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe|data:|\*/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
    }
  });

  void it('is no file but those that it knows, and no order but those', async () => {
    const headers = await own();
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/vendor/../index.js',
      '/page-files.js',
    ]) {
      assert.equal((await ask(path, { headers })).status, 404, path);
    }
    for (const path of [
      '/api/sites/shop/signal',
      '/api/sites/shop/maintenance',
      '/api/stop',
      '/api/sites/shop/__proto__',
    ]) {
      assert.equal((await ask(path, { method: 'POST', body: '{}', headers })).status, 404, path);
    }
    assert.equal((await ask('/', { method: 'POST', headers })).status, 405);
    assert.equal((await ask('http://127.0.0.1/api/feed', { headers })).status, 404);
    assert.deepEqual(asked, []);
  });

  void it('gives orders as they are meant, with the name of any site', async () => {
    const headers = await own();
    const order = (path: string, body: string) =>
      ask(`/api/sites/${path}`, { method: 'POST', body, headers });
    assert.equal((await order('a%2Fb%3F/scale', '{"workers":3}')).status, 200);
    assert.deepEqual(asked.splice(0), [
      { method: 'POST', path: '/sites/a%2Fb%3F/scale', body: { workers: 3 } },
    ]);
    for (const body of [
      '',
      '[]',
      '{"workers":0}',
      '{"workers":"+1"}',
      '{"workers":1,"now":true}',
      'x'.repeat(2_000),
    ]) {
      assert.equal((await order('shop/scale', body)).status, 400, body);
    }
    assert.equal((await order('%ff/stop', '{}')).status, 400);
    assert.deepEqual(asked, []);
    const failed = await order('nowhere/stop', '{}');
    assert.deepEqual(
      [failed.status, JSON.parse(failed.body)],
      [404, { code: 'ERR_SITE_UNKNOWN', message: 'there is no site nowhere' }],
    );
  });

  void it('tells how the daemon is, and when it is gone', async () => {
    const headers = await own();
    const { body } = await ask('/api/feed', { headers }, '"version":"1.2.3"');
    assert.match(body, /^event: snapshot\ndata: \{"machine":/m);
    isRunning = false;
    const gone = await ask('/api/feed', { headers }, 'event: trouble');
    assert.match(gone.body, /event: trouble\ndata: \{"code":"ERR_DAEMON_NOT_RUNNING"/);
  });

  void it('gives the lines of a log without what colours them, and closes it behind', async () => {
    const { body } = await ask('/api/sites/shop/log', { headers: await own() }, 'red');
    assert.match(body, /data: \{"lines":\[\{"line":"red <b>"\}\],"leftOutCount":0\}/);
    while (closedLogs === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  void it('closes a log whose browser has left while it was opened', async () => {
    const headers = await own();
    let open: () => void = () => undefined;
    mayOpen = new Promise((resolve) => (open = resolve));
    const opening = new Promise<void>((resolve) => (onOpening = resolve));
    const { port } = new URL(dashboard.address());
    const request = http.get({ port, path: '/api/sites/shop/log', agent: false, headers });
    request.on('error', () => undefined);
    await opening;
    // Ends all connections.
    await dashboard.close();
    open();
    while (closedLogs === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closedLogs, 1);
  });
});

void it('a port that is taken is said', async () => {
  const { port } = new URL(dashboard.address());
  const options = {
    client: { status: async () => STATUS, follow: async () => undefined, request: async () => ({}) },
  };
  const second = new Dashboard({
    ...options,
    openLog: () => Promise.reject(new Error('none')),
    port: Number(port),
  });
  await assert.rejects(second.open(), { code: 'ERR_DASHBOARD_PORT' });
});
