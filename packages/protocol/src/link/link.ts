// The transport between two of our processes: frames in order, a handle along with a frame, an end.
import type { NativeHandle } from '../node/native-handle.js';
import type { Frame, FrameKind } from './frame.js';

/** Which way frames take: an IPC pipe of our own, or Node's channel. */
export type LinkType = 'pipe' | 'ipc';

/** Why a link ended: its peer went away, it was closed here, or the peer sent what it must not. */
export type LinkEnd = { reason: 'peer-gone' | 'closed-here' } | { reason: 'violation'; detail: string };

/** What the owner of a link is told. */
export interface LinkReceiver {
  /** Called for each whole frame, in order. The receiver owns the frame's handle. */
  onFrame(frame: Frame): void;
  /** Called once, after the last frame. */
  onEnd(end: LinkEnd): void;
}

/** One end of a link. */
export interface Link {
  readonly type: LinkType;
  /** Bytes written that the kernel has not taken yet: the peer does not read. */
  readonly queuedBytes: number;
  readonly open: boolean;
  /**
   * Sends a frame; `payload` is latin1 text, each character a byte. The caller keeps its handle and closes it
   * once the peer confirms. False when the link is closed or has more than its limit of bytes waiting: the
   * frame was not sent.
   */
  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean;
  /** Begins to deliver frames. To be called once. */
  start(receiver: LinkReceiver): void;
  /** Ends the link. Frames that the kernel has not taken are lost. */
  close(): void;
  /** Whether this link keeps the process alive. */
  ref(): void;
  unref(): void;
}

/** Limits of a link. */
export interface LinkLimits {
  /** Largest payload taken from the peer, bytes. Default 4 MiB. */
  maxPayloadBytes: number;
  /** Bytes that may wait for the peer before {@link Link.send} refuses. Default 16 MiB. */
  maxQueuedBytes: number;
}

export const DEFAULT_LINK_LIMITS: LinkLimits = { maxPayloadBytes: 4 << 20, maxQueuedBytes: 16 << 20 };
