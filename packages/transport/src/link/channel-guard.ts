// Stands in front of Node's own IPC channel to a child that is not trusted. Unguarded, one line that is not
// JSON is an uncaught exception in the parent, and a forged NODE_CLUSTER message makes a cluster primary bind
// ports. The guard reads the stream ahead of Node and lets through only what can do nothing.
// It cannot help against a descriptor that is neither a socket nor a pipe: Node aborts before any JavaScript sees it.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/channel-guard.test.ts fails where it changes.
import type { ChildProcess } from 'node:child_process';
import { VhostError } from '@vhostd/protocol';
import { awaitsHandleAck, channelHandle } from '../node/pipe-internals.js';
import { LineWatch } from './line-watch.js';

/** What the guard lets through. */
export interface GuardOptions {
  /** Longest line, bytes. Default 1 MiB. */
  maxLineBytes?: number;
  /** Lets handles of type `net.Native` and their acknowledgements pass: for a link over this channel. */
  allowHandles?: boolean;
  /** Called once, with what was wrong; from then on nothing of this child reaches Node any more. */
  onViolation: (detail: string) => void;
}

/**
 * Puts the guard in front of the channel of a child that was just forked, before its first message. Messages for
 * which nobody listens are dropped, where Node would keep them for ever.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node hides the channel.
 */
export function guardChannel(child: ChildProcess, options: GuardOptions): void {
  const channel = channelHandle(child);
  if (channel === undefined) {
    throw new VhostError(
      'ERR_NODE_INTERNALS',
      `Node ${process.version} hides the handle of a child's channel`,
      {
        info: { what: 'kChannelHandle', node: process.version },
      },
    );
  }
  const allowHandles = options.allowHandles ?? false;
  const deliver = channel.onread;
  const lines = new LineWatch(options.maxLineBytes ?? 1 << 20, allowHandles);
  let readBytes = channel.bytesRead;
  let refused = false;
  child.on('message', () => undefined);
  channel.onread = (chunk) => {
    const length = channel.bytesRead - readBytes;
    readBytes += length;
    if (chunk === undefined) return deliver.call(channel, chunk);
    if (!refused) {
      const bytes = Buffer.from(chunk, 0, length);
      const violation = lines.push(bytes, {
        handle: channel.pendingHandle !== null,
        awaitsAck: awaitsHandleAck(child),
        answersWait: channel.writeQueueSize > 0,
      });
      if (violation === undefined) return deliver.call(channel, chunk);
      refused = true;
      dropPending(channel);
      // What the child said before it broke the rules is true. Blanks begin a line that never ends.
      bytes.fill(BLANK, lines.goodBytes);
      if (lines.goodBytes > 0) deliver.call(channel, chunk);
      return options.onViolation(violation);
    }
    dropPending(channel);
  };
}

function dropPending(channel: { pendingHandle: { close(): void } | null }): void {
  channel.pendingHandle?.close();
  channel.pendingHandle = null;
}

const BLANK = 0x20;
