// A site that keeps books: answers each request with its number, notes each boot and each end in the file LEDGER.
//   /any?until=FILE   answers as soon as this file is in its working directory
// TLS=https or TLS=http2 (with HTTP/1.1): the server ends TLS itself. FAIL_FILE: while it is there, boots throw.
// LISTEN: asks for these entries, as JSON.
// The master's code can call `seen`: the requests and upgrades that have reached the site's code.
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ListenRequest } from '@vhostd/protocol';
import worker from '@vhostd/worker';

/** What it answers, as JSON. */
export interface LedgerAnswer {
  /** Number of the request among those that this worker has seen. */
  number: number;
  pid: number;
  generation: number;
}

const ledger = process.env['LEDGER'];
const failFile = process.env['FAIL_FILE'];

function note(what: string): void {
  if (ledger !== undefined) appendFileSync(ledger, `${what} ${process.pid}\n`);
}

note('boot');
if (failFile !== undefined && existsSync(failFile)) throw new Error('it cannot boot today');

let seen = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const body: LedgerAnswer = { number: (seen += 1), pid: process.pid, generation: worker.generation };
  const text = JSON.stringify(body);
  const file = new URL(request.url ?? '/', 'http://site.test').searchParams.get('until');
  const end = (): void => {
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.end(text);
  };
  if (file === null) return end();
  const timer = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(timer);
    end();
  }, 10);
}

async function createSite(): Promise<ReturnType<typeof createServer>> {
  const kind = process.env['TLS'];
  if (kind === undefined) return createServer(answer);
  // Only what it needs: what makes certificates takes a while to load.
  const keys = await (await import('../../kit/certificate.js')).selfSigned('a.test');
  if (kind === 'https') return (await import('node:https')).createServer(keys, answer);
  const { createSecureServer } = await import('node:http2');
  const secure: unknown = createSecureServer({ ...keys, allowHTTP1: true }, answer as never);
  return secure as ReturnType<typeof createServer>;
}

const server = await createSite();
server.keepAliveTimeout = 60_000;
server.on('upgrade', (_request: IncomingMessage, socket: Socket, head: Buffer) => {
  seen += 1;
  socket.on('error', () => socket.destroy());
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});
worker.onMasterCall('seen', () => seen);
const listen = process.env['LISTEN'];
if (listen !== undefined) {
  await worker.updateServerConf({ listen: JSON.parse(listen) as ListenRequest[] });
}
worker.lifecycle({
  stopped: () => note('end'),
});
worker.server = server;
