// Two servers of one process that pass kept-alive connections to each other while clients send requests. On the
// way a connection is nobody's for a few turns of the event loop, as on its way through a master.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { TestContext } from 'node:test';
import type { ConnectionHeader, NativeHandle } from '@vhostd/transport';
import type { AdoptedServer } from '../intake/adopt-server.js';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import type { RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { acceptFor, serve } from '../intake/fixtures/serving.test.kit.js';
import { HttpConnections } from '../node/http-connections.js';
import { Migration } from './migration.js';

/** One of the servers. */
export interface Side {
  adopted: AdoptedServer;
  connections: HttpConnections;
  migration: Migration;
  /** Sends a detached connection to the other side. */
  send(handle: NativeHandle): boolean;
}

/** Moves connections of a side that are there to be moved. */
export type Mover = (side: Side) => void;

/** What the requests and the moves came to. */
export interface ShuttleResult {
  okCount: number;
  lostCount: number;
  moveCount: number;
}

export interface ShuttleOptions {
  clientCount: number;
  /** Of each client. */
  requestCount: number;
  /** How long an answer may take before it counts as lost, ms. */
  patienceMs: number;
}

/** Lets clients send all their requests while `mover` is called for both sides again and again. */
export async function runShuttle(
  t: TestContext,
  mover: Mover,
  options: ShuttleOptions,
): Promise<ShuttleResult> {
  const sides: Side[] = [];
  const result: ShuttleResult = { okCount: 0, lostCount: 0, moveCount: 0 };
  for (const index of [0, 1]) {
    const other = (): Side | undefined => sides[1 - index];
    sides.push(
      await createSide(t, (handle) => {
        result.moveCount += 1;
        afterTurns(1 + (result.moveCount % 4), () => other()?.adopted.accept(handle));
        return true;
      }),
    );
  }
  const port = await acceptFor((handle, head) => sides[0]?.adopted.inject(handle, head), 'head');
  const timer = setInterval(() => sides.forEach(mover), 1);
  const client = async (): Promise<void> => {
    const raw = await connectRaw(t, port);
    raw.socket.setNoDelay();
    for (let request = 0; request < options.requestCount; request += 1) {
      if (!(await ask(raw, options.patienceMs))) {
        result.lostCount += 1;
        return;
      }
      result.okCount += 1;
    }
  };
  await Promise.all(Array.from({ length: options.clientCount }, client));
  clearInterval(timer);
  return result;
}

async function createSide(t: TestContext, send: (handle: NativeHandle) => boolean): Promise<Side> {
  const server = createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => response.end(`${hash.digest('hex')} ${request.socket.remotePort}`));
  });
  const { adopted } = await serve(t, 'adopted', server);
  const connections = HttpConnections.of(server);
  if (adopted === undefined || connections === undefined) throw new Error('the server is not adopted');
  const handBacks = {
    open: true,
    send: ({ handle }: { handle: NativeHandle }): boolean => send(handle),
  };
  const header: ConnectionHeader = { secure: false, peeked: false, handedBack: false };
  const migration = new Migration({
    connections,
    handBacks,
    headerOf: () => header,
    readopt: () => undefined,
  });
  return { adopted, connections, migration, send };
}

/** One POST, its head and body in pieces; false when the answer is another one, late, or none. */
async function ask(client: RawClient, patienceMs: number): Promise<boolean> {
  const body = randomBytes(Math.floor(Math.random() * 2000));
  const head = `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n`;
  const expected = `${createHash('sha256').update(body).digest('hex')} ${client.socket.localPort}`;
  const cut = Math.floor(Math.random() * head.length);
  client.text = '';
  for (const piece of [head.slice(0, cut), head.slice(cut), body]) {
    if (piece.length > 0) client.send(piece);
    await new Promise((resolve) => afterTurns(Math.floor(Math.random() * 4), () => resolve(undefined)));
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(''), patienceMs);
  });
  const text = await Promise.race([client.until(/\r\n\r\n[0-9a-f]{64} \d+$/).catch(() => ''), late]);
  clearTimeout(timer);
  if (text === '') client.socket.destroy();
  return text.endsWith(`\r\n\r\n${expected}`);
}

function afterTurns(turns: number, callback: () => void): void {
  if (turns === 0) callback();
  else setImmediate(() => afterTurns(turns - 1, callback));
}
