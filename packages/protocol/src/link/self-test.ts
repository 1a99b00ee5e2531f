// Decides at start which transport this Node can be trusted with: hands a connection with a long head to a child
// over the pipe and takes it back. A Node that changed underneath fails here, not under load.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { VhostError } from '../errors.js';
import type { NativeHandle } from '../node/native-handle.js';
import { forkWithLink } from './fork-link.js';
import { FrameKind } from './frame.js';
import type { LinkType } from './link.js';

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

/** Decides for this process. Runs the self-test unless `ipc` is wished for. */
export async function chooseLink(wish: LinkWish): Promise<LinkChoice> {
  if (wish === 'ipc') return { type: 'ipc' };
  try {
    await testPipe();
    return { type: 'pipe' };
  } catch (error) {
    if (wish === 'pipe') {
      throw new VhostError('ERR_LINK_SELF_TEST', `the pipe does not work on Node ${process.version}`, {
        cause: error,
      });
    }
    return { type: 'ipc', reason: error instanceof Error ? error.message : String(error) };
  }
}

async function testPipe(): Promise<void> {
  const head = Buffer.alloc(HEAD_BYTES, Buffer.from('every byte once, and in order. '));
  const { client, handle, server } = await acceptOne();
  const { child, link } = forkWithLink(
    (variables) =>
      fork(fileURLToPath(new URL('./self-test-child.js', import.meta.url)), [], {
        env: { ...process.env, ...variables },
        execArgv: [],
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      }),
    (forked) => forked,
    { type: 'pipe', onViolation: () => child.kill('SIGKILL') },
  );
  const received: Buffer[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer in ${SELF_TEST_LIMIT_MS} ms`)),
        SELF_TEST_LIMIT_MS,
      );
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new Error(why));
      };
      child.once('error', (error) => fail(error.message));
      link.start({
        onFrame: () => undefined,
        onEnd: (end) => fail(`the link ended: ${end.reason}`),
      });
      client.on('data', (chunk: Buffer) => received.push(chunk));
      client.once('error', (error) => fail(error.message));
      client.once('end', () => {
        clearTimeout(timer);
        const expected = `${createHash('sha256').update(head).digest('hex')} and the rest`;
        if (Buffer.concat(received).toString() === expected) resolve();
        else reject(new Error('the child read other bytes than were sent'));
      });
      if (!link.send(FrameKind.connection, head.toString('latin1'), handle)) fail('the pipe takes nothing');
      client.write('and the rest');
    });
  } finally {
    link.close();
    handle.close();
    client.destroy();
    server.close();
    child.kill('SIGKILL');
  }
}

/** A connection over loopback whose server side is a bare handle that nobody has read from. */
async function acceptOne(): Promise<{ client: Socket; handle: NativeHandle; server: Server }> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = connect(port, '127.0.0.1');
  const accepted = await new Promise<Socket>((resolve, reject) => {
    client.once('error', reject);
    server.once('connection', resolve);
  });
  const handle: unknown = Reflect.get(accepted, '_handle');
  Reflect.set(accepted, '_handle', null);
  accepted.destroy();
  if (typeof handle !== 'object' || handle === null) throw new Error('a socket has no handle');
  return { client, handle: handle as NativeHandle, server };
}
