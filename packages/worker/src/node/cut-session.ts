// Ends an HTTP/2 session and its socket at once. `session.destroy()` waits for a write under way, which on TLS may never
// end once Node has stopped reading the session; and the socket that a session shows can't be destroyed. Undocumented:
// the socket under a symbol `socket`. Checked on Node 20.20, 22.23 and 26.12; drain/stalled-session.test.ts fails where
// one of them changes.
import type { ServerHttp2Session } from 'node:http2';
import { Socket } from 'node:net';

/** Destroys a session without waiting for anything. */
export function cutSession(session: ServerHttp2Session): void {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'socket');
  const socket: unknown = symbol === undefined ? undefined : Reflect.get(session, symbol);
  session.destroy();
  if (socket instanceof Socket) socket.destroy();
}
