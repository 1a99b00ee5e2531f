// The transport between two of our processes: frames in order, a handle along with a frame, an end.
import type { LinkType } from '@vhostd/protocol';
import type { NativeHandle } from '../node/native-handle.js';
import type { Frame, FrameKind } from './frame.js';
import type { BatchSender } from './batch-sender.js';
import type { Claims } from './offers.js';

/** What a worker was started with to receive connections in batches. */
export interface BatchOffer {
  /** The descriptors of the socket and of the FIFO. */
  readonly fds: readonly [socket: number, numbers: number];
  /** Whether that is wished for anyway, or only where it pays. */
  readonly wish: 'always' | 'busy';
}

/** Why a link ended: its peer went away, it was closed here, or the peer sent what it must not. */
export type LinkEnd = { reason: 'peer-gone' | 'closed-here' } | { reason: 'violation'; detail: string };

/** What the owner of a link is told. */
export interface LinkReceiver {
  /**
   * Called for each whole frame, in order. The receiver owns the frame's handle. What it throws is an uncaught
   * exception; where a process survives that, the frames behind are delivered all the same.
   */
  onFrame(frame: Frame): void;
  /** Called once, after the last frame. */
  onEnd(end: LinkEnd): void;
}

/** One end of a link. */
export interface Link {
  readonly type: LinkType;
  /** Bytes that wait for the peer because it does not read, with {@link FRAME_COST_BYTES} for each frame. */
  readonly queuedBytes: number;
  /** Largest payload that {@link send} takes, bytes. */
  readonly maxPayloadBytes: number;
  /**
   * Whether frames can be sent. False from the first write that fails, too: the peer is dying, and what it had
   * sent is still delivered before `onEnd`.
   */
  readonly open: boolean;
  /** Whether {@link send} takes a handle here. */
  readonly sendsHandles: boolean;
  /** Whether the other end can send one. */
  readonly receivesHandles: boolean;
  /** What comes with a handle may be taken only where this says so; absent: always. */
  readonly claims?: Claims | undefined;
  /** How the other end, a worker, can be sent connections in batches; absent: it can't. */
  readonly batches?: BatchSender | undefined;
  /** How this end can be sent connections in batches; absent: it can't. */
  readonly batchOffer?: BatchOffer | undefined;
  /**
   * Sends a frame; `payload` is latin1 text, each character a byte. The caller keeps its handle open until the
   * peer confirms. False: the frame was not sent, because the link is closed, has more than its limit of bytes
   * waiting, or the payload is too large, or the handle is closed or cannot travel here. A frame with a handle may be
   * overtaken by later ones without.
   */
  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean;
  /**
   * The process at the other end has exited: what it had written is delivered at once, then the link ends, though
   * another process may hold its end open. Does nothing where the end of the link follows by itself.
   */
  peerExited(): void;
  /** Begins to deliver frames. To be called once; on a link that is closed already, `onEnd` follows. */
  start(receiver: LinkReceiver): void;
  /** Ends the link. Frames that the kernel has not taken are lost; those that it has, the peer still reads. */
  close(): void;
  /** Whether this link keeps the process alive. */
  ref(): void;
  unref(): void;
}

/** Limits of a link; both ends have the same. */
export interface LinkLimits {
  /** Largest payload that is sent or taken from the peer, bytes. Default 4 MiB. */
  maxPayloadBytes: number;
  /** Bytes that may wait for the peer before {@link Link.send} refuses. Default 16 MiB. */
  maxQueuedBytes: number;
}

export const DEFAULT_LINK_LIMITS: LinkLimits = { maxPayloadBytes: 4 << 20, maxQueuedBytes: 16 << 20 };

/** What a waiting frame costs besides its bytes: without counting it, a million empty ones would pass for little. */
export const FRAME_COST_BYTES = 512;
