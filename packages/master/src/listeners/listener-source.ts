// Where the master has its sockets from: its daemon.
import type { AcquiredListener } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';

/** Where bound sockets come from. */
export interface ListenerSource {
  /** A socket that is bound to this address, or to one that covers it. */
  acquire(request: {
    ipaddress?: string;
    port: number;
    udp?: true;
  }): Promise<{ value: AcquiredListener; handle: NativeHandle | undefined }>;
  /** Resolves when the source has no descriptor of it any more, or nobody is there to say so. Never rejects. */
  release(key: string): Promise<void>;
}

/** A listener on a socket of the source's. */
export type OpenSocket = AcquiredListener & { handle: NativeHandle };
