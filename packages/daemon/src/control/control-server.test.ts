import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { callControl } from './control-client.js';
import { ControlServer } from './control-server.js';
import type { ControlServerOptions } from './control-server.js';

let directory: string;
let socketPath: string;
let count = 0;
before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-control-'));
});
beforeEach(() => {
  socketPath = path.join(directory, `${++count}.sock`);
});
after(() => rmSync(directory, { recursive: true }));

void describe('ControlServer', () => {
  void it('answers a call with its result, and with its progress before that', async () => {
    await using served = await serve();
    served.server.handle('add', async (params, { progress }) => {
      assert.ok(Array.isArray(params));
      progress('half');
      progress(undefined);
      await Promise.resolve();
      return params.reduce((sum: number, value: unknown) => sum + Number(value), 0);
    });
    served.server.handle('nothing', async () => undefined);
    const progress: unknown[] = [];
    const sum = await callControl(socketPath, 'add', [1, 2, 3], {
      onProgress: (value) => progress.push(value),
    });
    assert.equal(sum, 6);
    assert.deepEqual(progress, ['half', null]);
    assert.equal(await callControl(socketPath, 'nothing', undefined), null);
  });

  void it('rebuilds the error of a call with its code, message and info', async () => {
    await using served = await serve();
    served.server.handle('fail', async () => {
      throw new VhostError('ERR_SITE_UNKNOWN', 'there is no site x', { info: { site: 'x' } });
    });
    served.server.handle('cycle', async () => {
      const info: Record<string, unknown> = {};
      info['info'] = info;
      throw new VhostError('ERR_SITE_UNKNOWN', 'with a cycle', { info });
    });
    served.server.handle('bigint', async () => 1n);
    await assert.rejects(callControl(socketPath, 'fail', {}), {
      code: 'ERR_SITE_UNKNOWN',
      message: 'there is no site x',
      info: { site: 'x' },
    });
    await assert.rejects(callControl(socketPath, 'cycle', {}), {
      code: 'ERR_SITE_UNKNOWN',
      message: 'with a cycle',
    });
    await assert.rejects(callControl(socketPath, 'bigint', {}), /BigInt/u);
    await assert.rejects(callControl(socketPath, 'constructor', {}), { code: 'ERR_CONTROL_METHOD' });
  });

  void it('runs several requests of one client at once, up to a bound', async () => {
    await using served = await serve({ maxPendingCount: 2 });
    const opened = gate<string>();
    served.server.handle('wait', () => opened.promise);
    const client = await Client.connect(socketPath);
    client.send({ id: 'a', method: 'wait' }, { id: 'b', method: 'wait' }, { id: 'c', method: 'wait' });
    assert.match(await client.line(), /"id":"c","error":\{"code":"ERR_CONTROL_BUSY"/u);
    opened.resolve('done');
    assert.equal(await client.line(), '{"id":"a","result":"done"}');
    assert.equal(await client.line(), '{"id":"b","result":"done"}');
    client.socket.destroy();
  });

  void it('answers what is no request with an error and closes, and serves the next client', async () => {
    await using served = await serve({ maxLineBytes: 1_000 });
    served.server.handle('ping', async () => 'pong');
    const malformed = [
      'GET / HTTP/1.1\r\n',
      '\n',
      '[]\n',
      'null\n',
      '{"id":1}\n',
      '{"method":"ping"}\n',
      '{"id":{},"method":"ping"}\n',
      '{"id":1,"method":5}\n',
      '\u0000\u0001\u0002\n',
      'x'.repeat(1_001),
      `{"id":1,"method":"ping","params":"${'x'.repeat(1_000)}"}\n`,
    ];
    for (const text of malformed) {
      const client = await Client.connect(socketPath);
      client.socket.write(text);
      assert.match(
        await client.line(),
        /^\{"id":null,"error":\{"code":"ERR_CONTROL_REQUEST"/u,
        JSON.stringify(text),
      );
      await client.closed;
    }
    const invalidUtf8 = await Client.connect(socketPath);
    invalidUtf8.socket.write(Buffer.from([0xff, 0xfe, 0x0a]));
    assert.match(await invalidUtf8.line(), /ERR_CONTROL_REQUEST/u);
    assert.equal(await callControl(socketPath, 'ping', {}), 'pong');
  });

  void it('reads no request behind one that was malformed', async () => {
    await using served = await serve();
    let calls = 0;
    served.server.handle('count', async () => ++calls);
    const client = await Client.connect(socketPath);
    client.socket.write('{"id":1,"method":"count"}\nmalformed\n{"id":2,"method":"count"}\n');
    const lines = [await client.line(), await client.line()].toSorted();
    assert.equal(lines[0], '{"id":1,"result":1}');
    assert.match(lines[1] ?? '', /ERR_CONTROL_REQUEST/u);
    await client.closed;
    assert.equal(calls, 1);
  });

  void it('takes only so many clients, tells the next one, and has room again when one leaves', async () => {
    await using served = await serve({ maxClientCount: 3 });
    served.server.handle('ping', async () => 'pong');
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect(socketPath)));
    for (const client of clients) {
      client.send({ id: 1, method: 'ping' });
      await client.line();
    }
    for (let attempt = 0; attempt < 20; attempt++) {
      await assert.rejects(callControl(socketPath, 'ping', {}), { code: 'ERR_CONTROL_BUSY' });
    }
    const gone = served.nextDeparture();
    clients[0]?.socket.destroy();
    await gone;
    assert.equal(await callControl(socketPath, 'ping', {}), 'pong');
    for (const client of clients) client.socket.destroy();
  });

  void it('disconnects a client that is idle, not one whose request runs', async () => {
    await using served = await serve({ idleMs: 400 });
    const opened = gate<void>();
    served.server.handle('wait', () => opened.promise);
    const busy = await Client.connect(socketPath);
    busy.send({ id: 1, method: 'wait' });
    const idle = await Client.connect(socketPath);
    const dribbling = await Client.connect(socketPath);
    dribbling.socket.write('{"id":1,');
    await Promise.all([idle.closed, dribbling.closed]);
    opened.resolve();
    assert.equal(await busy.line(), '{"id":1,"result":null}');
    await busy.closed;
  });

  void it('aborts the signal of a call whose client went away', async () => {
    await using served = await serve();
    const started = gate<AbortSignal>();
    served.server.handle('wait', async (_params, { signal }) => {
      started.resolve(signal);
      await once(signal, 'abort');
    });
    const client = await Client.connect(socketPath);
    client.send({ id: 1, method: 'wait' });
    const signal = await started.promise;
    assert.equal(signal.aborted, false);
    const aborted = once(signal, 'abort');
    client.socket.destroy();
    await aborted;
  });

  void it('drops progress and keeps the answer for a client that does not read', async () => {
    await using served = await serve();
    served.server.handle('flood', async (_params, { progress }) => {
      for (let line = 0; line < 20_000; line++) progress('x'.repeat(1_000));
      return 'end';
    });
    const client = await Client.connect(socketPath);
    client.socket.pause();
    client.send({ id: 1, method: 'flood' });
    let lines = 0;
    client.socket.resume();
    for (let line = await client.line(); line !== '{"id":1,"result":"end"}'; line = await client.line())
      lines++;
    assert.ok(lines > 0 && lines < 2_000, `${lines} of 20000 progress lines`);
    client.socket.destroy();
  });

  void it('sends what is answered while it closes, then cuts the rest and removes the socket', async () => {
    const { server } = await serve();
    server.handle('quick', async (_params, { signal }) => {
      await once(signal, 'abort');
      return 'answered';
    });
    server.handle('never', () => new Promise(() => {}));
    const quick = await Client.connect(socketPath);
    const never = await Client.connect(socketPath);
    const idle = await Client.connect(socketPath);
    quick.send({ id: 1, method: 'quick' });
    never.send({ id: 1, method: 'never' });
    idle.send({ id: 1, method: 'none' });
    await idle.line();
    await server.close({ graceMs: 20 });
    assert.equal(await quick.line(), '{"id":1,"result":"answered"}');
    await Promise.all([quick.closed, never.closed, idle.closed]);
    assert.equal(server.clientCount, 0);
    await assert.rejects(callControl(socketPath, 'quick', {}), { code: 'ERR_DAEMON_NOT_RUNNING' });
    await server.close();
  });

  void it('tells who has just connected that nothing is taken any more, and cuts nobody off', async () => {
    const { server } = await serve();
    server.handle('ping', async () => 'pong');
    // Connected, as far as the kernel goes; the server has not seen them.
    const calls = Array.from({ length: 20 }, () => callControl(socketPath, 'ping', {}));
    const outcomes = Promise.allSettled(calls);
    await server.conceal();
    await server.close();
    for (const outcome of await outcomes) {
      const told: unknown =
        outcome.status === 'fulfilled' ? outcome.value : Reflect.get(outcome.reason, 'code');
      assert.ok(told === 'pong' || told === 'ERR_CONTROL_CLOSED', String(told));
    }
    await assert.rejects(callControl(socketPath, 'ping', {}), { code: 'ERR_DAEMON_NOT_RUNNING' });
  });

  void it('carries out nothing before its owner is ready for it', async () => {
    const opened = gate<void>();
    const server = new ControlServer({ ready: () => opened.promise });
    await server.listen(socketPath);
    let isOpen = false;
    server.handle('open', () => Promise.resolve(isOpen));
    const asked = callControl(socketPath, 'open', {});
    while (server.clientCount === 0) await new Promise(setImmediate);
    isOpen = true;
    opened.resolve();
    assert.equal(await asked, true);
    await server.close();
  });

  void it('is done with its clients when it is told again to close, with less patience', async () => {
    const { server } = await serve();
    const entered = gate<void>();
    server.handle('never', () => {
      entered.resolve();
      return new Promise(() => {});
    });
    const asked = assert.rejects(callControl(socketPath, 'never', {}), { code: 'ERR_CONTROL_LOST' });
    await entered.promise;
    const closing = server.close({ graceMs: 3_600_000 });
    await server.close({ graceMs: 20 });
    await Promise.all([closing, asked]);
  });
});

function gate<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let open: ((value: Value) => void) | undefined;
  const promise = new Promise<Value>((resolve) => (open = resolve));
  return { promise, resolve: (value) => open?.(value) };
}

interface Served extends AsyncDisposable {
  server: ControlServer;
  /** Resolves when the server has seen a client leave. */
  nextDeparture(): Promise<void>;
}

async function serve(options?: ControlServerOptions): Promise<Served> {
  const server = new ControlServer(options);
  await server.listen(socketPath);
  return {
    server,
    async nextDeparture() {
      const clients = server.clientCount;
      while (server.clientCount >= clients) await new Promise((resolve) => setImmediate(resolve));
    },
    [Symbol.asyncDispose]: () => server.close({ graceMs: 0 }),
  };
}

/** A client that writes and reads raw lines. */
class Client {
  readonly socket: net.Socket;
  readonly closed: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  static async connect(at: string): Promise<Client> {
    const socket = net.connect({ path: at });
    await once(socket, 'connect');
    return new Client(socket);
  }

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    this.#lines = readLines(socket);
  }

  send(...requests: object[]): void {
    this.socket.write(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    assert.ok(done !== true, 'the connection closed without another line');
    return value;
  }
}

async function* readLines(socket: net.Socket): AsyncGenerator<string, void> {
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
}
