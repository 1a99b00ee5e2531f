// Decides at start which transport this Node can be trusted with: hands a connection with a long head to a child
// that is not trusted, takes it back and hands it over again, and refuses a descriptor of another kind. A Node that
// changed underneath fails here, not under load.
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import type { BatchCalls } from '../node/batch-calls.js';
import type { AddressRecord, NativeHandle } from '../node/native-handle.js';
import { forbidNativeCalls, nativeCalls } from '../node/native-calls.js';
import { testBatches } from './batch-self-test.js';
import { forkUntrusted } from './fork-untrusted.js';
import { FrameKind } from './frame.js';
import type { Frame } from './frame.js';
import type { LinkType } from '@vhostd/protocol';
import type { Link, LinkEnd } from './link.js';
import { linkProof } from './link-proof.js';

/** The transport to use. */
export interface LinkChoice {
  type: HandoffType;
  /** Whether children can hand connections back. */
  handsBack: boolean;
  /** It was not tried out by this process: what it was given says that it works. */
  proved?: true;
  /** Why the transport is not the pipe, or why nothing can be handed back over it; absent where it is as wished. */
  reason?: string;
}

/** Which transport is wanted: `auto` takes the first one whose self-test passes, of `native`, `pipe` and `ipc`. */
export type LinkWish = HandoffType | 'auto';

/** How connections go to workers. `native`: in batches, beside a pipe for all else. */
export type HandoffType = LinkType | 'native';

/** How long the self-test may take, ms, before the pipe counts as unusable. */
const SELF_TEST_LIMIT_MS = 10_000;
const HEAD_BYTES = 200_000;
const NO_LIBRARY = 'neither node:ffi (Node 26) nor the package koffi can be loaded';

/**
 * Decides for this process. Runs the self-test unless `ipc` is wished for, or `proof` is what {@link linkProof} said where
 * it has passed.
 * @throws {VhostError} ERR_LINK_SELF_TEST when `pipe` is wished for and does not work; `cause` says why.
 */
export async function chooseLink(wish: LinkWish, proof?: string): Promise<LinkChoice> {
  if (wish === 'ipc') return { type: 'ipc', handsBack: true };
  const provedType = proof === undefined ? undefined : whatIsProved(wish, proof);
  if (provedType !== undefined) return { type: provedType, handsBack: true, proved: true };
  const calls = nativeCalls();
  try {
    await testPipe();
    if (calls !== undefined) {
      const fault = wish === 'pipe' ? undefined : await batchFault(calls.batches);
      if (wish === 'pipe') return { type: 'pipe', handsBack: true };
      if (fault === undefined) return { type: 'native', handsBack: true };
      return { type: 'pipe', handsBack: true, reason: `no batches with ${calls.library}: ${fault}` };
    }
    return { type: 'pipe', handsBack: false, reason: NO_LIBRARY };
  } catch (error) {
    if (calls === undefined) return withoutPipe(wish, error);
    forbidNativeCalls();
    try {
      await testPipe();
      const reason = `no descriptor can be received with ${calls.library}: ${messageOf(error)}`;
      return { type: 'pipe', handsBack: false, reason };
    } catch (again) {
      return withoutPipe(wish, again);
    }
  }
}

/** Batches go beside a pipe that works; of a pipe alone it is not known why it was alone. */
function whatIsProved(wish: Exclude<LinkWish, 'ipc'>, proof: string): 'native' | 'pipe' | undefined {
  const isNative = proof === linkProof('native');
  if (wish !== 'pipe') return isNative ? 'native' : undefined;
  return isNative || proof === linkProof('pipe') ? 'pipe' : undefined;
}

/** Why connections can't go in batches; undefined: they can. */
async function batchFault(calls: BatchCalls): Promise<string | undefined> {
  const connections: Accepted[] = [];
  try {
    for (let count = 0; count < 3; count += 1) connections.push(await acceptOne());
    return await testBatches(calls, connections);
  } catch (error) {
    return messageOf(error);
  } finally {
    for (const { client, handle, server } of connections) {
      handle.close();
      client.destroy();
      server.close();
    }
  }
}

function compare({ payload, handle }: Frame, head: Buffer): string | undefined {
  if (handle !== undefined) return 'a handle came where none can';
  return payload.equals(head) ? undefined : 'other bytes came back than were sent';
}

function withoutPipe(wish: LinkWish, cause: unknown): LinkChoice {
  if (wish === 'auto') return { type: 'ipc', handsBack: true, reason: messageOf(cause) };
  throw new VhostError('ERR_LINK_SELF_TEST', `the pipe does not work on Node ${process.version}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export interface Accepted {
  client: Socket;
  handle: NativeHandle;
  server: Server;
}

async function testPipe(): Promise<void> {
  const connection = await acceptOne();
  try {
    await handOver(connection);
  } finally {
    connection.handle.close();
    connection.client.destroy();
    connection.server.close();
  }
}

async function handOver({ client, handle }: Accepted): Promise<void> {
  const head = Buffer.alloc(HEAD_BYTES, Buffer.from('every byte once, and in order. '));
  const { child, link, stdout, stderr } = forkUntrusted(
    ({ variables, stdio }) =>
      fork(fileURLToPath(import.meta.resolve('#self-test-child')), [], {
        env: { ...process.env, ...variables },
        execArgv: [],
        serialization: 'json',
        stdio,
      }),
    (forked) => forked,
    { type: 'pipe', onViolation: () => child.kill('SIGKILL') },
  );
  for (const stream of [stdout, stderr]) stream?.on('error', () => undefined).resume();
  let timer: NodeJS.Timeout | undefined;
  let handedBack = false;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(why));
      timer = setTimeout(fail, SELF_TEST_LIMIT_MS, `no answer in ${SELF_TEST_LIMIT_MS} ms`);
      child.once('error', (error) => fail(error.message));
      let answered = false;
      // Of two: the child's answer, and what it sent back; or the refusal of what it sent last, where it sends handles.
      const finish = (end?: LinkEnd): void => {
        if (end?.reason === 'violation' && handedBack && end.detail.startsWith(REFUSED)) end = undefined;
        if (end !== undefined)
          fail(`the link ended: ${end.reason === 'violation' ? end.detail : end.reason}`);
        else if (answered) resolve();
        answered = true;
      };
      link.start({
        onFrame: (frame) => {
          const problem = link.receivesHandles
            ? sendAgain(link, frame, head, client.localPort)
            : compare(frame, head);
          handedBack = true;
          if (problem !== undefined) fail(problem);
          else if (!link.receivesHandles) finish();
        },
        onEnd: finish,
      });
      const received: Buffer[] = [];
      client.on('data', (chunk: Buffer) => received.push(chunk));
      client.once('error', (error) => fail(error.message));
      client.once('end', () => {
        const expected = `${createHash('sha256').update(head).digest('hex')} and the rest`;
        if (Buffer.concat(received).toString() === expected) finish();
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

/** How the link says that it refused what the child sent last. */
const REFUSED = 'a descriptor that was refused: a descriptor that is no TCP connection';

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
