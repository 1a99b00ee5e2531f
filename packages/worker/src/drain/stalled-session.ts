// Ends a session of HTTP/2 that nobody reads any more. Where a client resets streams in a flood, nghttp2 says GOAWAY by
// itself and Node 20 reads on no more, nor ends the session: its socket stays, even when the client has left. Node tells
// nothing of it; but a client whose session is read answers a PING. Later Nodes end such a session by themselves, but its
// socket, on TLS, not always.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { cutSession } from '../node/cut-session.js';

/** When a session is looked at, and for how long. */
export interface StallLimits {
  /** Streams that were reset, behind which a session is looked at. nghttp2 allows 1000 at once. */
  resetCount: number;
  /** For how long nothing may have been read before the client is asked, ms. */
  quietMs: number;
  /** How long it may take to answer, ms. */
  answerMs: number;
}

/** Together the times are below 5 s. */
const STALL_LIMITS: Readonly<StallLimits> = { resetCount: 300, quietMs: 1000, answerMs: 3000 };

/** Watches a session until it is closed. */
export function endWhenStalled(
  session: ServerHttp2Session,
  { resetCount, quietMs, answerMs }: Readonly<StallLimits> = STALL_LIMITS,
): void {
  let count = 0;
  let hasClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const look = (readBytes: number): void => {
    if (session.destroyed) return cutSession(session);
    const { bytesRead } = session.socket;
    if (bytesRead === readBytes) ask();
    else timer = setTimeout(look, quietMs, bytesRead).unref();
  };
  const ask = (): void => {
    timer = setTimeout(cutSession, answerMs, session).unref();
    const isSent = session.ping((error) => {
      if (error !== null) return;
      clearTimeout(timer);
      timer = undefined;
      count = 0;
    });
    if (!isSent) cutSession(session);
  };
  session.on('stream', (stream: ServerHttp2Stream) => {
    stream.once('close', () => {
      if (stream.rstCode !== 0) count += 1;
      if (count < resetCount || timer !== undefined || hasClosed) return;
      timer = setTimeout(look, quietMs, session.destroyed ? 0 : session.socket.bytesRead).unref();
    });
  });
  session.once('close', () => {
    hasClosed = true;
    clearTimeout(timer);
  });
}
