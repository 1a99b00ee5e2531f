// Ends a connection that no worker will see, so that its client can read why.
import type { NativeHandle } from '@vhostd/transport';
import { socketOf } from '../node/raw-accept.js';

/**
 * Sends the answer, half-closes, and reads on for a moment: a close with unread bytes would reset the connection
 * and may take the answer along (RFC 9112 9.6).
 */
export function refuse(handle: NativeHandle, answer: Buffer): void {
  const socket = socketOf(handle);
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  socket.setTimeout(LINGER_MS, () => socket.destroy());
  const limit = setTimeout(() => socket.destroy(), LINGER_LIMIT_MS);
  limit.unref();
  socket.on('close', () => clearTimeout(limit));
  socket.end(answer);
  socket.resume();
}

/** Silence after which a refused client has had its time, ms. */
const LINGER_MS = 1000;
/** How long a refused client may go on sending, ms. */
const LINGER_LIMIT_MS = 5000;
