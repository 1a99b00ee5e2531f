// A connection between being accepted and being taken over by a worker: all that the master ever knows of one.
import type { NativeHandle } from '@vhostd/protocol';
import type { Listener } from './listener.js';

export interface Connection {
  readonly handle: NativeHandle;
  readonly listener: Listener;
  /** The bytes that were read from it, as latin1 text. */
  readonly head: string;
  /** The host it asked for; null when it named none. */
  readonly host: string | null;
  /** TLS: its head is a ClientHello. */
  readonly secure: boolean;
}
