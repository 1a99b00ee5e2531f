// A site whose code attacks the master, one way for each path; what it answers is of no interest. On a connection
// that it has it can be told to act while the master is stopped.
import { closeSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import worker from '@vhostd/worker';

const OVER_PIPE = process.env['VHOSTD_TEST_HANDOFF'] !== 'ipc';
/** Node's own channel, and the pipe to the master. */
const CHANNEL = 3;
const PIPE = 5;
const KIND_MESSAGE = 5;

const ATTACKS: Record<string, () => unknown> = {
  'garbage on the channel': () => writeAll(CHANNEL, 'this is no JSON\n'),
  'garbage on the pipe': () => writeAll(PIPE, Buffer.alloc(600, 0xee)),
  'a forged queryServer': () => forgeQuery(1),
  'a forged queryServer, doubled': () => forgeQuery(2),
  'a forged handle': () => writeAll(CHANNEL, line({ cmd: 'NODE_HANDLE', type: 'net.Server', msg: {} })),
  'an acknowledgement of nothing': () => writeAll(CHANNEL, line({ cmd: 'NODE_HANDLE_ACK' })),
  '300 MB on the channel': () => writeAll(CHANNEL, `"${'x'.repeat(300 << 20)}"\n`),
  '300 MB on the pipe': () => writeAll(PIPE, frame(KIND_MESSAGE, Buffer.alloc(300 << 20, 0x20))),
  'a frame that only a master sends': () => writeAll(PIPE, frame(1, Buffer.alloc(20))),
  'a frame of no kind': () => writeAll(PIPE, frame(77, Buffer.alloc(20))),
  'bytes that are no message': () => message('[1,2'),
  'a confirmation of what it never got': () => writeAll(PIPE, frame(2, Buffer.alloc(8, 0x7f))),
  'an invalid connection handed back': () => writeAll(PIPE, frame(4, Buffer.alloc(10))),
  'a descriptor that never comes': () => writeAll(PIPE, frame(KIND_MESSAGE, Buffer.from('{}'), 1)),
  'the pipe closed': () => closeSync(PIPE),

  // These break no rule of the wire: they are refused, and the worker lives.
  'a conf with __proto__': () =>
    request(
      'updateServerConf',
      '{"__proto__":{"cpuLen":7,"polluted":1},"listen":[{"__proto__":{"host":"b.test"},"port":0}]}',
    ),
  'a call with __proto__': () =>
    request(
      'call',
      '{"__proto__":{"polluted":1},"name":"__proto__","to":"__proto__","params":{"__proto__":{"polluted":1}}}',
    ),
  "other sites' hosts": () =>
    Promise.allSettled(
      [{ host: 'b.test' }, { host: '*.test' }, {}, { host: 'a.test', port: 22 }].map((entry) =>
        worker.updateServerConf({ listen: [{ port: 0, ipaddress: '127.0.0.1', ...entry }] }),
      ),
    ),
  'a megabyte of brackets': () =>
    request('call', `{"name":"x","params":${'['.repeat(500_000)}${']'.repeat(500_000)}}`),
  'fifty thousand calls': () => floodCalls(50_000),
  'ten thousand changes past the queue': () => {
    for (let at = 0; at < 10_000; at += 1)
      request(
        'updateServerConf',
        `{"listen":[{"host":"a.test","port":0,"ipaddress":"127.0.0.1"}],"cpuLen":1}`,
      );
  },
};

let lastId = 1_000_000;

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function forgeQuery(times: number): void {
  const query = {
    cmd: 'NODE_CLUSTER',
    act: 'queryServer',
    seq: 1,
    address: '127.0.0.1',
    port: 0,
    addressType: 4,
    index: 0,
  };
  writeAll(CHANNEL, line(query).repeat(times));
}

function frame(kind: number, payload: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt8(flags, 5);
  return Buffer.concat([header, payload]);
}

/** A message past everything that would refuse to send it. */
function message(json: string): void {
  if (OVER_PIPE) writeAll(PIPE, frame(KIND_MESSAGE, Buffer.from(json)));
  else writeAll(CHANNEL, line({ vhostd: KIND_MESSAGE, payload: json }));
}

function request(method: string, params: string): void {
  message(`{"type":"request","id":${(lastId += 1)},"method":"${method}","params":${params}}`);
}

function floodCalls(count: number): void {
  for (let at = 0; at < count; at += 1)
    request('call', `{"name":"echo","to":"master","params":"${'y'.repeat(200)}"}`);
}

/** The descriptors do not block: what the master does not take is tried again. */
function writeAll(fd: number, data: string | Buffer): void {
  const bytes = Buffer.from(data as string);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

async function pushUpdates(count: number): Promise<number> {
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, at) =>
      worker.updateServerConf({
        listen: ['a.test', `h${at}.test`].map((host) => ({ host, port: 0, ipaddress: '127.0.0.1' })),
      }),
    ),
  );
  return results.filter(({ status }) => status === 'rejected').length;
}

async function pushCalls(count: number): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  const calls: Promise<void>[] = [];
  const text = 'z'.repeat(12_000);
  for (let at = 0; at < count; at += 1) {
    const call = worker.callMaster('echo', text, { timeoutMs: 60_000 }).then(
      () => 'ok',
      (error: unknown) => (error as { code?: string }).code ?? '',
    );
    calls.push(call.then((code) => void (outcomes[code] = (outcomes[code] ?? 0) + 1)));
    if (at % 500 === 0) await new Promise(setImmediate);
  }
  await Promise.all(calls);
  return outcomes;
}

// What kills this process while it attacks is of its own making.
process.on('uncaughtException', () => process.exit(9));
worker.onMasterCall('echo', (params) => String(params).length);
worker.server = createServer((incoming, response) => {
  void act(decodeURIComponent(incoming.url ?? '').slice(1), response);
});

async function act(url: string, response: ServerResponse): Promise<void> {
  if (url === 'push') {
    // The first update is on its way before the calls fill the queue.
    const updates = pushUpdates(10_000);
    await delay(100);
    const calls = await pushCalls(40_000);
    response.end(JSON.stringify({ refused: await updates, calls }));
    return;
  }
  const attack = ATTACKS[url];
  if (attack !== undefined) await attack();
  response.end(`${process.pid}`);
}
