// Ends connections that no worker will see, so that their clients can read why.
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { NativeHandle } from '@vhostd/transport';
import { socketOf } from '../node/raw-accept.js';

export class Refusals {
  /** The oldest first. */
  readonly #lingering = new Set<Socket>();

  /**
   * Sends the answer, half-closes, and reads on for a moment: a close with unread bytes would reset the connection
   * and may take the answer along (RFC 9112 9.6).
   */
  refuse(handle: NativeHandle, answer: Buffer): void {
    if (this.#lingering.size >= LINGERING_MAX_COUNT) this.cutOldest();
    const socket = socketOf(handle);
    this.#lingering.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    const limit = setTimeout(() => socket.destroy(), LINGER_LIMIT_MS);
    limit.unref();
    socket.on('close', () => {
      clearTimeout(limit);
      this.#lingering.delete(socket);
    });
    socket.end(answer);
    socket.resume();
  }

  /** Clients that may not have read their answers. */
  get count(): number {
    return this.#lingering.size;
  }

  /** Ends the one that has lingered longest. False: there is none. */
  cutOldest(): boolean {
    const [oldest] = this.#lingering;
    if (oldest === undefined) return false;
    this.#lingering.delete(oldest);
    oldest.destroy();
    return true;
  }
}

/** Sends the answer as far as there is room for it, and closes: its descriptor is free when this returns. */
export function refuseAtOnce(handle: NativeHandle, answer: Buffer): void {
  const { fd } = handle;
  try {
    if (typeof fd === 'number' && fd >= 0) writeSync(fd, answer);
  } catch {
    // Its client has left, or reads nothing.
  }
  handle.close();
}

/** Silence after which a refused client has had its time, ms. */
const LINGER_MS = 1000;
/** How long a refused client may go on sending, ms. */
const LINGER_LIMIT_MS = 5000;
const LINGERING_MAX_COUNT = 1000;
