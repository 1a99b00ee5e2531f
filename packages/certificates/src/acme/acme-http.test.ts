// What an authority may do to whoever asks it: each request is bounded in time and memory.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { bounded, configureHttp, getJson } from './acme-http.js';

/** Where such an authority is asked. */
async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

void it('an answer is given with its status, and with when to ask again', async (t) => {
  configureHttp(undefined);
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'retry-after': '3' }).end('{"a":1}');
  });
  assert.deepEqual(await getJson(url), { data: { a: 1 }, retryAfterMs: 3000 });
});

for (const [what, answer] of Object.entries<RequestListener>({
  'takes a request and says nothing': () => undefined,
  'says a byte now and then, without an end': (_request, response) => {
    const timer = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(timer));
  },
})) {
  void it(`an authority that ${what} is away`, async (t) => {
    configureHttp(undefined, 200);
    await assert.rejects(getJson(await serve(t, answer)), {
      code: 'ERR_ACME_UNREACHABLE',
      message: "the authority can't be reached: it has not answered whole within 200 ms",
    });
  });
}

void it('a body without an end is taken up to 1 MiB', async (t) => {
  configureHttp(undefined);
  let sentBytes = 0;
  const url = await serve(t, (_request, response) => {
    const send = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 'a'))) sentBytes += 65_536;
    };
    response.on('drain', send);
    send();
  });
  await assert.rejects(getJson(url), { code: 'ERR_ACME_UNREACHABLE', message: /maxContentLength/ });
  assert.ok(sentBytes < 64 * 1024 * 1024, `${sentBytes}`);
});

void it('a limit, a refusal and a fault are told apart, and so is when to ask again', async (t) => {
  configureHttp(undefined);
  const url = await serve(t, (request, response) => {
    const status = Number(request.url?.slice(1));
    const type = `urn:ietf:params:acme:error:${status === 400 ? 'malformed' : 'other'}`;
    response.writeHead(status, { 'content-type': 'application/problem+json', 'retry-after': '60' });
    response.end(JSON.stringify({ type, detail: 'because' }));
  });
  for (const [status, code] of [
    [400, 'ERR_ACME_REFUSED'],
    [429, 'ERR_ACME_LIMIT'],
    [503, 'ERR_ACME_UNREACHABLE'],
  ] as const) {
    await assert.rejects(getJson(`${url}${status}`), (error: { code: string; info: object }) => {
      assert.equal(error.code, code);
      assert.equal(Reflect.get(error.info, 'retryAfterMs'), 60_000);
      return true;
    });
  }
});

void it('an attempt of many requests ends', async (t) => {
  configureHttp(undefined);
  let count = 0;
  const url = await serve(t, (_request, response) => {
    count += 1;
    response.end('{}');
  });
  const askOn = async (): Promise<never> => {
    for (;;) await getJson(url);
  };
  await assert.rejects(bounded(askOn, { requests: 5 }), { code: 'ERR_ACME_REFUSED' });
  assert.equal(count, 5);
  await assert.rejects(bounded(askOn, { limitMs: 50 }), { code: 'ERR_ACME_REFUSED' });
});
