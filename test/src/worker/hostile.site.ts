// A site whose code attacks its master in the way that the path of a request names.
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const NODE_CHANNEL = 3;
const LINK = 4;

const QUERY = JSON.stringify({
  cmd: 'NODE_CLUSTER',
  act: 'queryServer',
  address: '127.0.0.1',
  port: 0,
  addressType: 4,
  fd: undefined,
  flags: 0,
  index: 0,
  data: null,
  seq: 1,
});

/** What each attack does; a result is answered, for those that the worker outlives. */
export const ATTACKS: Record<string, () => unknown> = {
  'garbage on the channel of Node': () => write(NODE_CHANNEL, 'this is not JSON\n'),
  'a forged query of node:cluster': () => write(NODE_CHANNEL, `${QUERY}\n`),
  'a forged query, doubled': () => write(NODE_CHANNEL, `${QUERY}\n${QUERY}\n`),
  'a line of 100 MB': () => flood(NODE_CHANNEL, 100 << 20),
  'garbage on the link': () => write(LINK, 'no frame at all, but long enough to have a header'),
  'a frame that announces 100 MB': () => write(LINK, frame(5, '', 100 << 20)),
  'a frame of a kind that only the master sends': () => write(LINK, frame(1, '12345')),
  'a confirmation of what it was not given': () =>
    write(LINK, frame(2, '\u0000\u0000\u00ff\u00ff\u0000\u0000\u0000\u0000')),
  'a message that is not JSON': () => write(LINK, frame(5, '{"type":')),
  'a conf with a prototype': () => {
    write(
      LINK,
      frame(
        5,
        '{"type":"request","id":900000,"method":"updateServerConf","params":{"__proto__":{"cpuLen":9},"listen":7}}',
      ),
    );
    return worker.callMaster('polluted', null).catch((error: unknown) => codeOf(error));
  },
  'a message that is not for the master': () => process.send?.({ hello: 'world' }),
  'a claim to the host of another site': () =>
    worker
      .updateServerConf({ listen: [{ host: 'good.test', port: 0, ipaddress: '127.0.0.1' }] })
      .catch(codeOf),
  'a claim to every host': () => worker.updateServerConf({ defaultListen: true }).catch(codeOf),
  'a thousand workers': () => worker.updateServerConf({ cpuLen: 1000 }).catch(codeOf),
  'five thousand calls': async () => {
    const calls = Array.from({ length: 5000 }, (_, n) =>
      worker.callMaster('never', n, { timeoutMs: 2000 }).catch(codeOf),
    );
    const codes = await Promise.all(calls);
    return [...new Set(codes)].sort();
  },
};

worker.server = createServer((request, response) => {
  const attack = ATTACKS[decodeURIComponent((request.url ?? '/').slice(1))];
  Promise.resolve(attack?.()).then(
    (result) => response.end(JSON.stringify({ pid: process.pid, result: result ?? null })),
    (error: unknown) => response.end(JSON.stringify({ pid: process.pid, result: String(error) })),
  );
});

function frame(kind: number, payload: string, length: number = payload.length): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(length, 0);
  header.writeUInt8(kind, 4);
  return Buffer.concat([header, Buffer.from(payload, 'latin1')]);
}

function flood(fd: number, bytes: number): void {
  const chunk = Buffer.alloc(1 << 16, 'x');
  for (let sent = 0; sent < bytes;) sent += write(fd, chunk);
}

/** Writes all of it, however often the pipe is full. */
function write(fd: number, data: string | Buffer): number {
  const bytes = Buffer.from(data);
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') throw error;
    }
  }
  return bytes.length;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
