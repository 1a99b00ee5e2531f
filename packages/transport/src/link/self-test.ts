// Decides at start which transport this Node can be trusted with: hands a connection with a long head to a child
// over the pipe, takes it back and hands it over again. A Node that changed underneath fails here, not under load.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import type { AddressRecord, NativeHandle } from '../node/native-handle.js';
import { forkWithLink } from './fork-link.js';
import { FrameKind } from './frame.js';
import type { Frame } from './frame.js';
import type { LinkType } from '@vhostd/protocol';
import type { Link } from './link.js';

/** The transport to use, and why it is not the pipe. */
export interface LinkChoice {
  type: LinkType;
  /** What the pipe's self-test found; absent when it passed or was not asked for. */
  reason?: string;
}

/** Which transport is wanted: `auto` takes the pipe where its self-test passes. */
export type LinkWish = LinkType | 'auto';

/** How long the self-test may take, ms, before the pipe counts as unusable. */
const SELF_TEST_LIMIT_MS = 10_000;
const HEAD_BYTES = 200_000;

/**
 * Decides for this process. Runs the self-test unless `ipc` is wished for.
 * @throws {VhostError} ERR_LINK_SELF_TEST when `pipe` is wished for and does not work; `cause` says why.
 */
export async function chooseLink(wish: LinkWish): Promise<LinkChoice> {
  if (wish === 'ipc') return { type: 'ipc' };
  try {
    const connection = await acceptOne();
    try {
      await testPipe(connection);
    } finally {
      connection.handle.close();
      connection.client.destroy();
      connection.server.close();
    }
    return { type: 'pipe' };
  } catch (error) {
    if (wish === 'auto')
      return { type: 'ipc', reason: error instanceof Error ? error.message : String(error) };
    const message = `the pipe does not work on Node ${process.version}`;
    throw new VhostError('ERR_LINK_SELF_TEST', message, { cause: error });
  }
}

interface Accepted {
  client: Socket;
  handle: NativeHandle;
  server: Server;
}

async function testPipe({ client, handle }: Accepted): Promise<void> {
  const head = Buffer.alloc(HEAD_BYTES, Buffer.from('every byte once, and in order. '));
  const { child, link } = forkWithLink(
    (variables) =>
      fork(fileURLToPath(import.meta.resolve('#self-test-child')), [], {
        env: { ...process.env, ...variables },
        execArgv: [],
        serialization: 'json',
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      }),
    (forked) => forked,
    { type: 'pipe', onViolation: () => child.kill('SIGKILL') },
  );
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(why));
      timer = setTimeout(fail, SELF_TEST_LIMIT_MS, `no answer in ${SELF_TEST_LIMIT_MS} ms`);
      child.once('error', (error) => fail(error.message));
      link.start({
        onFrame: (frame) => {
          const problem = sendAgain(link, frame, head, client.localPort);
          if (problem !== undefined) fail(problem);
        },
        onEnd: (end) => fail(`the link ended: ${end.reason === 'violation' ? end.detail : end.reason}`),
      });
      const received: Buffer[] = [];
      client.on('data', (chunk: Buffer) => received.push(chunk));
      client.once('error', (error) => fail(error.message));
      client.once('end', () => {
        const expected = `${createHash('sha256').update(head).digest('hex')} and the rest`;
        if (Buffer.concat(received).toString() === expected) resolve();
        else fail('the child read other bytes than were sent');
      });
      if (!link.send(FrameKind.connection, head.toString('latin1'), handle)) fail('the pipe takes nothing');
      client.write('and the rest');
    });
  } finally {
    clearTimeout(timer);
    link.close();
    child.kill('SIGKILL');
  }
}

/** Takes what the child handed back and hands it over for good; says what is wrong with it. */
function sendAgain(
  link: Link,
  frame: Frame,
  head: Buffer,
  clientPort: number | undefined,
): string | undefined {
  const { handle, payload } = frame;
  if (handle === undefined) return 'a connection came back without its handle';
  const peer: AddressRecord = {};
  handle.getpeername?.(peer);
  const sameBytes = payload.equals(head);
  const sent = link.send(FrameKind.connection, payload.toString('latin1'), handle);
  handle.close();
  if (peer.port === undefined || peer.port !== clientPort) return 'another connection came back';
  if (!sameBytes) return 'other bytes came back than were sent';
  return sent ? undefined : 'the pipe takes nothing';
}

/** A connection over loopback whose server side is a bare handle that nobody has read from. */
async function acceptOne(): Promise<Accepted> {
  const server = createServer({ pauseOnConnect: true });
  let client: Socket | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, resolve);
    });
    const address = server.address();
    const connecting = connect(
      typeof address === 'object' && address !== null ? address.port : 0,
      '127.0.0.1',
    );
    client = connecting;
    const accepted = await new Promise<Socket>((resolve, reject) => {
      connecting.once('error', reject);
      server.once('error', reject);
      server.on('connection', (socket) => {
        // Somebody else may connect as well.
        if (socket.remotePort === connecting.localPort) resolve(socket);
        else socket.destroy();
      });
    });
    const handle: unknown = Reflect.get(accepted, '_handle');
    Reflect.set(accepted, '_handle', null);
    accepted.destroy();
    if (typeof handle !== 'object' || handle === null) throw new Error('a socket has no handle');
    return { client: connecting, handle: handle as NativeHandle, server };
  } catch (error) {
    client?.destroy();
    server.close();
    throw error;
  }
}
