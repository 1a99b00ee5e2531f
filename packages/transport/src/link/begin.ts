// How a child that was forked ahead of need is told what it is to be: by the first frame of its link, which it waits for
// before it opens that. Nothing of it runs meanwhile, and it needs no CPU; signals end it as they end any program.
import { readSync } from 'node:fs';
import { LINK_FD } from '../node/fork-with-pipe.js';
import { FRAME_HEADER_BYTES, FrameKind } from './frame.js';

/** The payload of such a frame, for `send`. */
export function encodeBegin(params: object): string {
  return Buffer.from(JSON.stringify(params)).toString('latin1');
}

/**
 * Blocks until the process that forked this one has sent it; undefined: that is gone. To be called before the link is
 * opened, with a link of type `pipe` alone.
 */
export function awaitBegin(fd: number = LINK_FD): unknown {
  const header = readWhole(fd, FRAME_HEADER_BYTES);
  if (header?.readUInt8(4) !== FrameKind.begin) return undefined;
  const payload = readWhole(fd, header.readUInt32BE(0));
  return payload && JSON.parse(payload.toString());
}

/** No byte behind them: those are the link's, and descriptors come along with some. */
function readWhole(fd: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset < length;) {
    const count = readNext(fd, bytes, offset);
    if (count === 0) return undefined;
    offset += count;
  }
  return bytes;
}

/** 0: there will be nothing more. */
function readNext(fd: number, bytes: Buffer, offset: number): number {
  try {
    return readSync(fd, bytes, offset, bytes.length - offset, null);
  } catch {
    return 0;
  }
}
