// A connection between being accepted and being taken over by a worker: all that the master ever knows of one.
import type { NativeHandle } from '@vhostd/transport';

/** Where a connection came in, as far as it matters once it is accepted. A listener is one. */
export interface Origin {
  readonly key: string;
  /** Whether its clients speak TLS. */
  readonly secure: boolean;
}

export interface Connection {
  readonly handle: NativeHandle;
  readonly listener: Origin;
  /** The bytes that were read from it, as latin1 text. */
  readonly head: string;
  /** The host it asked for; null when it named none. */
  readonly host: string | null;
  /** TLS: its head is a ClientHello. */
  readonly secure: boolean;
  /** A worker has served it before. */
  readonly handedBack: boolean;
}
