// Stands in front of Node's own IPC channel to a child that is not trusted. Unguarded, one line that is not
// JSON is an uncaught exception in the parent, and a forged NODE_CLUSTER message makes a cluster primary bind
// ports. The guard reads the stream ahead of Node and lets through only what can do nothing.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/channel-guard.test.ts fails where it changes.
import type { ChildProcess } from 'node:child_process';
import { VhostError } from '../errors.js';
import { channelHandle } from '../node/pipe-internals.js';

/** What the guard lets through. */
export interface GuardOptions {
  /** Longest line, bytes. Default 1 MiB. */
  maxLineBytes?: number;
  /** Lets handles of type `net.Native` and their acknowledgements pass: for a link over this channel. */
  allowHandles?: boolean;
  /** Called once, with what was wrong; from then on nothing of this child is read any more. */
  onViolation: (detail: string) => void;
}

/**
 * Puts the guard in front of the channel of a child that was just forked, before its first message.
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
  const deliver = channel.onread;
  const lines = new LineWatch(options.maxLineBytes ?? 1 << 20, options.allowHandles ?? false);
  let readBytes = channel.bytesRead;
  let refused = false;
  channel.onread = (chunk) => {
    const total = channel.bytesRead;
    const length = total - readBytes;
    readBytes = total;
    if (refused && chunk !== undefined) return dropPending(channel);
    const violation = chunk === undefined ? undefined : lines.push(Buffer.from(chunk, 0, length));
    if (violation === undefined && !(channel.pendingHandle !== null && options.allowHandles !== true)) {
      return deliver.call(channel, chunk);
    }
    refused = true;
    dropPending(channel);
    options.onViolation(violation ?? 'a handle on the channel');
  };
}

function dropPending(channel: { pendingHandle: { close(): void } | null }): void {
  channel.pendingHandle?.close();
  channel.pendingHandle = null;
}

/** Looks at each line of a byte stream and names the first that must not pass. */
class LineWatch {
  readonly #maxLineBytes: number;
  readonly #allowHandles: boolean;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxLineBytes: number, allowHandles: boolean) {
    this.#maxLineBytes = maxLineBytes;
    this.#allowHandles = allowHandles;
  }

  push(chunk: Buffer): string | undefined {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#chunks.push(chunk.subarray(from, end));
      this.#bytes += end - from;
      if (this.#bytes > this.#maxLineBytes) return `a line of more than ${this.#maxLineBytes} bytes`;
      const violation = this.#judge(Buffer.concat(this.#chunks).toString('utf8'));
      this.#chunks = [];
      this.#bytes = 0;
      if (violation !== undefined) return violation;
      from = end + 1;
    }
    if (from < chunk.length) this.#chunks.push(chunk.subarray(from));
    this.#bytes += chunk.length - from;
    return this.#bytes > this.#maxLineBytes ? `a line of more than ${this.#maxLineBytes} bytes` : undefined;
  }

  #judge(line: string): string | undefined {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return 'a line that is not JSON';
    }
    if (typeof message !== 'object' || message === null) return undefined;
    const { cmd, act, type } = message as Record<string, unknown>;
    if (typeof cmd !== 'string' || !cmd.startsWith('NODE_')) return undefined;
    if (cmd === 'NODE_CLUSTER' && act === 'online') return undefined;
    if (this.#allowHandles) {
      if (cmd === 'NODE_HANDLE_ACK' || cmd === 'NODE_HANDLE_NACK') return undefined;
      if (cmd === 'NODE_HANDLE' && type === 'net.Native') return undefined;
    }
    return `a forged message '${cmd}${typeof act === 'string' ? ` ${act}` : ''}'`;
  }
}
