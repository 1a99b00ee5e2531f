// The first GOAWAY of a graceful shutdown (RFC 9113 6.8), which names the highest stream id, so that streams that are
// under way are still served. `session.goaway()` can't send it: nghttp2 ignores every stream that comes behind a GOAWAY
// of its own, whatever id that names. So the frame is written past Node, between two of its writes; on TLS, where only
// Node can write, not at all. Undocumented: `_handle` of a session's socket, its `fd` and `writeQueueSize`.
// Measured on Node 20.20, 22.23, 24.21 and 26.12; drain/session-shutdown.test.ts fails where one of them changes.
import { writeSync } from 'node:fs';
import type { ServerHttp2Session } from 'node:http2';

/** Whether the client of a session can be told before it ends. */
export function isToldFirst(session: ServerHttp2Session): boolean {
  return session.encrypted !== true;
}

/**
 * Tells a client that its session ends soon. False: it was not told. To be called once the client has answered
 * something: a session begins with other frames.
 */
export function sendShutdownNotice(session: ServerHttp2Session): boolean {
  if (session.destroyed || !isToldFirst(session)) return false;
  const handle: unknown = Reflect.get(session.socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return false;
  const fd: unknown = Reflect.get(handle, 'fd');
  // What waits there may be a part of a frame.
  if (typeof fd !== 'number' || fd < 0 || Reflect.get(handle, 'writeQueueSize') !== 0) return false;
  try {
    // Half a frame, which no kernel has ever taken, would make nonsense of all that follows.
    if (writeSync(fd, NOTICE) !== NOTICE.length) session.destroy();
    return true;
  } catch {
    // The connection is full, or gone.
    return false;
  }
}

/** GOAWAY of 8 bytes on stream 0: last stream id 2^31-1, NO_ERROR. */
const NOTICE = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
