// Tries out how connections travel in batches, within this process: what is looked at and not taken, one whose bytes do not
// fit into a message, and what is taken back.
import type { BatchCalls } from '../node/batch-calls.js';
import { closeWatched } from '../node/close-watchdog.js';
import { LazyTcp } from '../node/lazy-tcp.js';
import type { AddressRecord, NativeHandle } from '../node/native-handle.js';
import { BatchReceiver } from './batch-receiver.js';
import { BatchSender } from './batch-sender.js';
import type { Frame } from './frame.js';

/** A connection of this process with itself. */
interface Connected {
  readonly client: { readonly localPort?: number | undefined; write(text: string): unknown };
  readonly handle: NativeHandle;
}

/** Sends three connections; returns what is wrong, if anything is. */
export async function testBatches(
  calls: BatchCalls,
  connections: readonly Connected[],
): Promise<string | undefined> {
  const [first] = connections;
  if (first === undefined) return 'there are no connections';
  const lazy = new LazyTcp(first.handle);
  const isReadable = new Promise<void>((resolve) => {
    // Where that cannot be told, it is read.
    if (!lazy.whenReadable(resolve)) resolve();
  });
  first.client.write(HELLO);
  await within(isReadable, 'it is not told that something can be read');
  if (!(await peeked(calls, first.handle.fd))) return 'what a connection has sent cannot be looked at';
  const sender = new BatchSender(calls, () => undefined);
  let fault: string | undefined;
  try {
    fault = await passOn(calls, sender, connections);
  } finally {
    sender.end();
    closeWatched(sender.fd);
  }
  return fault;
}

async function passOn(
  calls: BatchCalls,
  sender: BatchSender,
  connections: readonly Connected[],
): Promise<string | undefined> {
  const frames: Frame[] = [];
  let onFrame: () => void = () => undefined;
  const receiver = new BatchReceiver(sender.childFds, calls, (frame) => {
    frames.push(frame);
    onFrame();
  });
  try {
    // The last one is longer than a message.
    const payloads = connections.map((_, index) => payloadOf(index + 1, index < 2 ? '' : LONG));
    connections.forEach(({ handle }, index) => sender.send(index + 1, payloads[index] ?? '', handle));
    const areThere = new Promise<void>((resolve) => {
      onFrame = () => {
        if (frames.length === payloads.length) resolve();
      };
    });
    receiver.start();
    await within(areThere, 'a batch did not arrive');
    for (const [index, { payload, handle }] of frames.entries()) {
      const peer: AddressRecord = {};
      handle?.getpeername?.(peer);
      if (peer.port !== connections[index]?.client.localPort) return 'another connection arrived';
      if (payload.toString('latin1') !== payloads[index]) return 'other bytes arrived than were sent';
    }
    const [kept] = frames;
    if (kept?.handle === undefined || !(await peeked(calls, kept.handle.fd)))
      return 'what was looked at has gone';
    return undefined;
  } finally {
    for (const { handle } of frames) handle?.close();
    receiver.close();
  }
}

async function within(done: Promise<void>, otherwise: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), LIMIT_MS);
  });
  await Promise.race([done, limit]).finally(() => clearTimeout(timer));
}

async function peeked(calls: BatchCalls, fd: number): Promise<boolean> {
  const deadlineMs = performance.now() + LIMIT_MS;
  while (performance.now() < deadlineMs) {
    const bytes = calls.peek(fd);
    if (typeof bytes === 'object') return bytes.toString('latin1') === HELLO;
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
  return false;
}

function payloadOf(number: number, bytes: string): string {
  return `${String.fromCharCode(0, 0, 0, number, 0, 0)}${bytes}`;
}

const HELLO = 'GET / HTTP/1.1';
const LONG: string = 'every byte once, and in order. '.repeat(3000);
const LIMIT_MS = 2000;
