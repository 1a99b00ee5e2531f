// The end of a link that a process has to a child which it forks and does not trust, such as a master a site's worker.
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { closeWatched, startCloseWatchdog } from '../node/close-watchdog.js';
import { dispose } from '../node/dispose.js';
import { FifoReader } from '../node/fifo-reader.js';
import { fifos } from '../node/fifo.js';
import type { Fifo } from '../node/fifo.js';
import { forkWithExtras, LINK_FD, unknownSpawn } from '../node/fork-with-pipe.js';
import { nativeCalls } from '../node/native-calls.js';
import type { NativePipe } from '../node/native-handle.js';
import { channelHandle, createPlainPipe, endChannel, ignoreChannel } from '../node/pipe-internals.js';
import { BatchSender } from './batch-sender.js';
import { DescriptorReceiver } from './descriptor-passing.js';
import { forkWithLink } from './fork-link.js';
import type { ForkLinkOptions } from './fork-link.js';
import type { BatchOffer, Link } from './link.js';
import { Offers } from './offers.js';
import {
  BATCHES_VARIABLE,
  encodeBatchOffer,
  LINK_VARIABLE,
  ONE_WAY,
  ONE_WAY_WITH_HANDLES,
  RETURNS_FD,
} from './parent-link.js';
import { PipeLink } from './pipe-link.js';
import type { ReadingShare } from './reading-share.js';

/** How a child that is not trusted is forked with a link. */
export interface ForkUntrustedOptions extends ForkLinkOptions {
  /** What reading from it may cost, with others of its kind. */
  share?: ReadingShare;
  /** Whether it may send handles back, where this process can receive them safely. Default true. */
  handlesBack?: boolean;
  /** Whether it may be sent connections in batches, once it says so: anyway, or where it pays. Default: no. */
  batches?: BatchOffer['wish'] | undefined;
  /** A descriptor of this process that the child is to have. */
  inherit?: number | undefined;
}

/** What `fork` of {@link forkUntrusted} must use. */
export interface UntrustedFork {
  variables: Record<string, string>;
  stdio: ('ignore' | 'pipe' | 'ipc' | number)[];
  /** The number under which the child has what it inherits; undefined with a link of type `ipc`. */
  inheritedFd: number | undefined;
}

/** A child that is not trusted. */
export interface Untrusted<T> {
  child: T;
  link: Link;
  /** What it has not taken of what it was sent; absent: that cannot be known. */
  offers?: Offers;
  /** What it prints; null where no process could be started. */
  stdout: Readable | null;
  stderr: Readable | null;
}

/**
 * Forks a child with a link, as {@link forkWithLink} does, that may do whatever it wants with its descriptors: with a
 * link of type `pipe` nothing that it sends or prints can abort, block or fill this process. What it says and prints
 * comes over FIFOs; Node's own channel to it is written to, and not read; descriptors come over a socket of their own,
 * and only where this process can look at them ({@link Link.receivesHandles}). With type `ipc` it is guarded as far as
 * that can be.
 * @throws {VhostError} ERR_NODE_INTERNALS, ERR_FIFO; or the system's error where no process can be started at all.
 */
export function forkUntrusted<T>(
  fork: (how: UntrustedFork) => T,
  processOf: (child: T) => ChildProcess,
  options: ForkUntrustedOptions,
): Untrusted<T> {
  if (options.type === 'ipc') {
    const stdio: UntrustedFork['stdio'] = ['ignore', 'pipe', 'pipe', 'ipc'];
    const { child, link } = forkWithLink(
      (variables) => fork({ variables, stdio, inheritedFd: undefined }),
      processOf,
      options,
    );
    const forked = processOf(child);
    forked.once('exit', () => link.peerExited());
    return { child, link, stdout: forked.stdout, stderr: forked.stderr };
  }
  startCloseWatchdog();
  const calls = options.handlesBack === false ? undefined : nativeCalls();
  const made: Fifo[] = [];
  let offers: Offers | undefined;
  let batches: BatchSender | undefined;
  let link: PipeLink | undefined;
  try {
    offers = new Offers();
    if (calls !== undefined && options.batches !== undefined) {
      batches = new BatchSender(calls.batches, () => link?.stopSending());
      calls.stopReceiving(batches.fd);
    }
    for (let count = 0; count < 3; count += 1) made.push(fifos.take());
    const [out, err, data] = made as [Fifo, Fifo, Fifo];
    const variables: Record<string, string> = {
      [LINK_VARIABLE]: calls === undefined ? ONE_WAY : ONE_WAY_WITH_HANDLES,
    };
    const stdio: UntrustedFork['stdio'] = ['ignore', out.writeFd, err.writeFd, 'ipc'];
    const extras = [
      'pipe',
      data.writeFd,
      offers.childFd,
      ...(calls === undefined ? [] : (['pipe'] as const)),
      ...(batches?.childFds ?? []),
      ...(options.inherit === undefined ? [] : [options.inherit]),
    ] as const;
    const inheritedFd = LINK_FD + extras.length - 1;
    if (batches !== undefined && options.batches !== undefined) {
      const [first, second] = [RETURNS_FD + 1, RETURNS_FD + 2];
      variables[BATCHES_VARIABLE] = encodeBatchOffer({ fds: [first, second], wish: options.batches });
    }
    const { child, pipes } = forkWithExtras(() => fork({ variables, stdio, inheritedFd }), extras);
    const forked = processOf(child);
    const [pipe, returns] = pipes;
    try {
      if (pipe === undefined) throw unknownSpawn();
      if (forked.pid !== undefined) ignoreChannel(forked);
    } catch (error) {
      for (const opened of pipes) opened.close();
      forked.kill('SIGKILL');
      throw error;
    }
    nativeCalls()?.stopReceiving(pipe.fd);
    const source = createPlainPipe();
    source.open(data.readFd);
    const [stdout, stderr] = [out, err].map(({ readFd }) => new FifoReader(readFd));
    made.length = 0;
    const offered = offers;
    offers = undefined;
    const batched = batches;
    batches = undefined;
    batched?.childFds.forEach((fd) => closeSync(fd));
    closeSync(offered.childFd);
    for (const { writeFd } of [out, err, data]) closeSync(writeFd);
    const socket = batched === undefined ? [] : [{ fd: batched.fd, close: () => closeWatched(batched.fd) }];
    const opened = new PipeLink(pipe, options.limits, {
      source,
      receiver: returns === undefined || calls === undefined ? null : new DescriptorReceiver(returns, calls),
      release: () =>
        dispose([...[pipe, ...(returns === undefined ? [] : [returns])].map(disposable), ...socket]),
      ...(batched === undefined ? {} : { batches: batched }),
      ...(options.share === undefined ? {} : { share: options.share }),
    });
    link = opened;
    forked.once('exit', () => {
      opened.peerExited();
      offered.end();
      batched?.end();
      const channel = channelHandle(forked);
      if (channel !== undefined) dispose([{ fd: channel.fd, close: () => endChannel(forked) }]);
      // Another process may go on printing where this one did; nobody waits for it for ever.
      setTimeout(() => [stdout, stderr].forEach((stream) => stream?.destroy()), LAST_OUTPUT_MS).unref();
    });
    return { child, link: opened, offers: offered, stdout: stdout ?? null, stderr: stderr ?? null };
  } finally {
    for (const { readFd, writeFd } of made) [readFd, writeFd].forEach((fd) => closeSync(fd));
    batches?.discard();
    if (offers !== undefined) {
      offers.close();
      closeSync(offers.childFd);
    }
  }
}

function disposable(pipe: NativePipe): { fd: number; close(): void } {
  return { fd: pipe.fd, close: () => pipe.close() };
}

/** How long what a process has printed is read when it has exited, ms: another one may hold its output open. */
const LAST_OUTPUT_MS = 5000;
