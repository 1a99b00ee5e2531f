// A site whose workers say and print more than anybody wants to hear, each path one kind of it, until they are ended.
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const DATA = 5;
const KIND_ACCEPTED = 2;
const KIND_MESSAGE = 5;
const UPDATE = '{"type":"request","id":1,"method":"updateServerConf","params":{"cpuLen":8}}';

const FLOODS: Record<string, [fd: number, bytes: () => Buffer]> = {
  'empty lines': [1, () => Buffer.alloc(65_536, '\n')],
  lines: [2, () => Buffer.from('a line that says nothing\n'.repeat(2000))],
  'endless lines': [1, () => Buffer.alloc(65_536, 'x')],
  'endless lines in bits': [2, () => Buffer.alloc(1000, 'x')],
  confirmations: [DATA, () => repeated(KIND_ACCEPTED, Buffer.alloc(8), 4000)],
  messages: [DATA, () => repeated(KIND_MESSAGE, Buffer.from('{"type":"notice","method":"x"}'), 1500)],
  calls: [DATA, () => repeated(KIND_MESSAGE, call('"x"'), 500)],
  brackets: [DATA, () => repeated(KIND_MESSAGE, call('['.repeat(90_000) + ']'.repeat(90_000)), 1)],
  updates: [DATA, () => repeated(KIND_MESSAGE, Buffer.from(UPDATE), 500)],
};

function call(params: string): Buffer {
  return Buffer.from(
    `{"type":"request","id":1,"method":"call","params":{"to":"master","name":"x","params":${params}}}`,
  );
}

function repeated(kind: number, payload: Buffer, count: number): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt8(kind, 4);
  return Buffer.concat(Array.from({ length: count }, () => Buffer.concat([header, payload])));
}

function flood(what: string): void {
  const [fd, make] = FLOODS[what] ?? [1, () => Buffer.alloc(0)];
  const bytes = make();
  for (let at = 0; bytes.length > 0; at %= bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

worker.server = createServer((request, response) => {
  response.end(`${process.pid}`);
  response.once('finish', () => setImmediate(flood, decodeURIComponent(request.url ?? '').slice(1)));
});
