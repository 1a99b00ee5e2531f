import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { requestControl } from './control-client.js';
import type { ControlHandler } from './control-exchange.js';
import { ControlServer } from './control-server.js';
import type { ControlServerOptions } from './control-server.js';

let directory: string;
let socketPath: string;
let servers: ControlServer[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-control-'));
  socketPath = path.join(directory, 'control.sock');
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close({ graceMs: 0 })));
  rmSync(directory, { recursive: true });
});

void describe('the control API', () => {
  void it('answers any client of HTTP/1.1 with JSON, with and without the version in the path', async () => {
    await serve(async ({ method, path: asked, body }) => ({ method, path: asked, body }));
    const answer = { method: 'POST', path: '/sites/a%20b/pause', body: { timeout: 1 } };
    for (const prefix of ['', '/v1']) {
      const { status, headers, text } = await ask('POST', `${prefix}/sites/a%20b/pause`, '{"timeout":1}');
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'application/json');
      assert.deepEqual(JSON.parse(text), answer);
    }
    assert.match((await ask('GET', '/v2/status')).text, /"path":"\/v2\/status"/);
    assert.match((await ask('GET', '/v1')).text, /"path":"\/"/);
  });

  void it('takes the query of GET and DELETE for their body, and no body of POST for an empty one', async () => {
    await serve(async ({ body }) => body);
    assert.equal((await ask('GET', '/x?n=5&since=10m')).text, '{"n":"5","since":"10m"}\n');
    assert.equal((await ask('DELETE', '/x')).text, '{}\n');
    assert.equal((await ask('POST', '/x')).text, '{}\n');
  });

  void it('answers an error with its code, message and info, and a fitting status', async () => {
    const errors: [VhostError, number][] = [
      [new VhostError('ERR_SITE_UNKNOWN', 'there is no site x', { info: { siteId: 'x' } }), 404],
      [new VhostError('ERR_UPGRADE_RUNNING', 'wait'), 409],
      [new VhostError('ERR_CONF_INVALID', 'sites is absent'), 422],
      [new VhostError('ERR_MASTER_NOT_RUNNING', 'no master'), 503],
      [new VhostError('ERR_UPGRADE_FAILED', 'it ended'), 500],
    ];
    await serve(async ({ path: asked }) => {
      throw errors[Number(asked.slice(1))]?.[0] ?? new Error('none');
    });
    for (const [index, [error, status]] of errors.entries()) {
      const answer = await ask('GET', `/${index}`);
      assert.equal(answer.status, status);
      const { code, message, info } = error;
      assert.deepEqual(JSON.parse(answer.text), { code, message, info });
    }
    assert.equal((await ask('GET', '/99')).status, 500);
  });

  void it('tells who accepts JSON lines how far it is, and then the result or the error', async () => {
    await serve(async ({ path: asked, progress }) => {
      progress({ what: 'half' });
      progress(undefined);
      if (asked === '/fails') throw new VhostError('ERR_UPGRADE_FAILED', 'it ended');
      return undefined;
    });
    const lines = { accept: 'application/x-ndjson' };
    const done = await ask('POST', '/works', '', lines);
    assert.equal(done.headers['content-type'], 'application/x-ndjson');
    assert.equal(done.text, '{"progress":{"what":"half"}}\n{"progress":null}\n{"result":null}\n');
    const failed = await ask('POST', '/fails', '', lines);
    assert.match(
      failed.text,
      /\n\{"error":\{"code":"ERR_UPGRADE_FAILED","message":"it ended","info":\{\}\}\}\n$/,
    );
    assert.equal((await ask('POST', '/works')).text, 'null\n');
  });

  void it('tells the same to who accepts server-sent events, and a stream to who accepts anything', async () => {
    await serve(async ({ path: asked, progress, stream }) => {
      if (asked.startsWith('/stream')) stream();
      progress({ what: 'half' });
      if (asked === '/stream/fails') throw new VhostError('ERR_CONTROL_SLOW', 'read on');
      return 1;
    });
    const told = await ask('GET', '/works', '', { accept: 'text/event-stream' });
    assert.equal(told.headers['content-type'], 'text/event-stream');
    assert.equal(told.text, 'data: {"what":"half"}\n\nevent: result\ndata: 1\n\n');
    const failed = await ask('GET', '/stream/fails', '', { accept: 'text/event-stream' });
    assert.match(failed.text, /\n\nevent: failed\ndata: \{"code":"ERR_CONTROL_SLOW".*\}\n\n$/);
    const streamed = await ask('GET', '/stream', '', { accept: '*/*' });
    assert.equal(streamed.headers['content-type'], 'application/x-ndjson');
    assert.equal(streamed.text, '{"progress":{"what":"half"}}\n{"result":1}\n');
    assert.equal((await ask('GET', '/works', '', { accept: '*/*' })).text, '1\n');
  });

  void it('cuts off who does not read the end of its answer', async (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    const answered = gate<void>();
    await serve(async ({ progress }) => {
      while (progress('x'.repeat(10_000)));
      setImmediate(() => answered.resolve());
      throw new VhostError('ERR_CONTROL_SLOW', 'read on');
    });
    const client = net.connect(socketPath);
    client.on('error', () => undefined);
    client.pause();
    client.write('GET / HTTP/1.1\r\nhost: vhostd\r\naccept: application/x-ndjson\r\n\r\n');
    await answered.promise;
    test.mock.timers.tick(10_000);
    let text = '';
    client.on('data', (chunk) => (text += String(chunk)));
    client.resume();
    await once(client, 'close');
    assert.doesNotMatch(text, /ERR_CONTROL_SLOW/);
  });

  void it('answers what JSON refuses with an error', async () => {
    const info: Record<string, unknown> = {};
    info['info'] = info;
    await serve(async ({ path: asked }) => {
      if (asked === '/cycle') throw new VhostError('ERR_SITE_UNKNOWN', 'with a cycle', { info });
      return 1n;
    });
    assert.match((await ask('GET', '/bigint')).text, /BigInt/);
    assert.match((await ask('GET', '/cycle')).text, /"with a cycle"/);
  });

  void it('tells a handler that its client has left', async () => {
    const aborted = gate<unknown>();
    const begun = gate<void>();
    await serve(async ({ signal }) => {
      begun.resolve();
      signal.addEventListener('abort', () => aborted.resolve(signal.reason));
      return await aborted.promise;
    });
    const abort = new AbortController();
    const asked = requestControl(socketPath, { method: 'GET', path: '/events', signal: abort.signal });
    await begun.promise;
    abort.abort(new Error('enough'));
    await assert.rejects(asked, /enough/);
    assert.match(String(await aborted.promise), /the client has left/);
  });

  void it('drops progress, and says so, where a client does not read', async () => {
    const dropped = gate<void>();
    const stopped = gate<void>();
    await serve(async ({ progress }) => {
      for (let count = 0; count < 10_000 && progress('x'.repeat(10_000)); count += 1);
      dropped.resolve();
      await stopped.promise;
      return null;
    });
    const client = net.connect(socketPath);
    client.pause();
    client.write('GET / HTTP/1.1\r\nhost: vhostd\r\naccept: application/x-ndjson\r\n\r\n');
    await dropped.promise;
    client.destroy();
    stopped.resolve();
  });
});

void describe('the bounds of the control API', () => {
  void it('refuse a body that is no JSON or too long, and what is not HTTP', async () => {
    await serve(async () => 'pong', { maxBodyBytes: 100 });
    assert.deepEqual(await outcomeOf('POST', '{'), [400, 'ERR_CONTROL_REQUEST']);
    assert.deepEqual(await outcomeOf('POST', `"${'x'.repeat(200)}"`), [413, 'ERR_CONTROL_TOO_LARGE']);
    for (const text of ['{"id":1,"method":"status"}\n', '\u0000\u0001\u0002\n\n']) {
      assert.match(await raw(text), /^HTTP\/1\.1 400 Bad Request\r\n[^]*ERR_CONTROL_REQUEST/, text);
    }
    const header = `GET / HTTP/1.1\r\nhost: vhostd\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`;
    assert.match(await raw(header), /^HTTP\/1\.1 431 /);
    assert.equal((await ask('GET', '/')).text, '"pong"\n');
  });

  void it('refuse one client more than there may be, and one request more', async () => {
    const opened = gate<string>();
    await serve(async () => await opened.promise, { maxClientCount: 2, maxRequestCount: 1 });
    const first = ask('GET', '/');
    assert.deepEqual(await outcomeOf('GET'), [503, 'ERR_CONTROL_BUSY']);
    const silent = await connected();
    assert.deepEqual(await outcomeOf('GET'), [503, 'ERR_CONTROL_BUSY']);
    silent.destroy();
    opened.resolve('done');
    assert.equal((await first).text, '"done"\n');
    assert.equal((await ask('GET', '/')).text, '"done"\n');
  });

  void it('have those leave for another client that have long sent no whole request', async () => {
    await serve(async () => 'pong', { maxClientCount: 3 });
    const slow = await Promise.all([connected(), connected(), connected()]);
    slow[0].write('GET / HTTP/1.1\r\nhost: vhostd\r\n');
    slow[1].write(
      'POST / HTTP/1.1\r\nhost: vhostd\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    );
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => requestControl(socketPath, { method: 'GET', path: '/' })),
    );
    assert.deepEqual(new Set(answers), new Set(['pong']));
    slow.forEach((socket) => socket.destroy());
  });

  void it('end a client that sends no request in time', async () => {
    await serve(async () => 'pong', { requestTimeoutMs: 100 });
    assert.match(await raw('GET / HTTP/1.1\r\n'), /^HTTP\/1\.1 408 /);
  });
});

void describe('the end of the control API', () => {
  void it('answers what is at work, and refuses what comes then', async () => {
    const opened = gate<string>();
    const begun = gate<void>();
    const server = await serve(async ({ method }) => {
      begun.resolve();
      return method === 'GET' ? await opened.promise : 'at once';
    });
    const atWork = ask('GET', '/');
    await begun.promise;
    const waiting = await connected();
    await server.conceal();
    assert.equal(existsSync(socketPath), false);
    const closed = server.close({ graceMs: 60_000 });
    waiting.write('POST / HTTP/1.1\r\nhost: vhostd\r\ncontent-length: 0\r\n\r\n');
    assert.match(await textOf(waiting), /^HTTP\/1\.1 503 [^]*ERR_CONTROL_CLOSED/);
    opened.resolve('done');
    assert.equal((await atWork).text, '"done"\n');
    await closed;
  });

  void it('cuts off what takes longer than it may', async () => {
    const begun = gate<void>();
    const server = await serve(async () => {
      begun.resolve();
      return await new Promise(() => undefined);
    });
    const lost = ask('GET', '/');
    await begun.promise;
    await Promise.all([server.close({ graceMs: 20 }), assert.rejects(lost)]);
  });

  void it('does not wait for a client that asks for nothing', async () => {
    const server = await serve(async () => 'pong');
    const silent = await connected();
    const ended = once(silent, 'close');
    await server.close({ graceMs: 60_000 });
    await ended;
  });

  void it('is told to a subscriber by its signal', async () => {
    const begun = gate<void>();
    const server = await serve(async ({ signal }) => {
      begun.resolve();
      await once(signal, 'abort');
      return 'ended';
    });
    const subscribed = ask('GET', '/events');
    await begun.promise;
    await server.close({ graceMs: 60_000 });
    assert.equal((await subscribed).text, '"ended"\n');
  });
});

void describe('a control socket that was taken away', () => {
  void it('is put back, private as before, and who was connected is still answered', async () => {
    const opened = gate<string>();
    const begun = gate<void>();
    const server = await serve(async ({ path: asked }) => {
      if (asked === '/status') return 'status';
      begun.resolve();
      return await opened.promise;
    });
    assert.equal(await server.restore(), false);
    const atWork = ask('POST', '/reload');
    await begun.promise;
    rmSync(socketPath);
    assert.equal(await server.restore(), true);
    assert.equal(await server.restore(), false);
    assert.equal(statSync(socketPath).mode & 0o7777, 0o600);
    assert.equal((await ask('GET', '/status')).text, '"status"\n');
    opened.resolve('done');
    assert.equal((await atWork).text, '"done"\n');
  });

  void it('is not taken from another process that listens there by then', async () => {
    const server = await serve(async () => 'first');
    rmSync(socketPath);
    const other = await serve(async () => 'other');
    await assert.rejects(server.restore(), { code: 'ERR_CONTROL_IN_USE' });
    await server.close();
    assert.equal((await ask('GET', '/')).text, '"other"\n');
    await other.close();
    assert.equal(existsSync(socketPath), false);
  });
});

async function serve(handler: ControlHandler, options?: ControlServerOptions): Promise<ControlServer> {
  const server = new ControlServer(handler, options);
  servers.push(server);
  await server.listen(socketPath);
  return server;
}

interface Answer {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  text: string;
}

function ask(
  method: string,
  target: string,
  body = '',
  headers: http.OutgoingHttpHeaders = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method, path: target, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function outcomeOf(method: string, body = ''): Promise<[number | undefined, unknown]> {
  const { status, text } = await ask(method, '/', body);
  const { code } = JSON.parse(text) as { code: unknown };
  return [status, code];
}

async function connected(): Promise<net.Socket> {
  const client = net.connect(socketPath);
  client.on('error', () => undefined);
  await once(client, 'connect');
  return client;
}

async function raw(text: string): Promise<string> {
  const client = net.connect(socketPath);
  client.write(text);
  return await textOf(client);
}

async function textOf(client: net.Socket): Promise<string> {
  let answer = '';
  client.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  await once(client, 'end');
  client.destroy();
  return answer;
}

function gate<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
