// Gives one master the listening sockets that it asks for, until it is gone.
import { VhostError } from '@vhostd/protocol';
import type { AcquiredListener, DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import { decoding, masterToDaemon } from '@vhostd/protocol/schemas';
import { AnswerWithHandle } from '@vhostd/transport';
import type { NativeHandle, Peer, RequestContext } from '@vhostd/transport';
import type { BoundListeners } from './bound-listeners.js';

/**
 * Answers `acquireListener` and `releaseListener` of a master whose claims go by the name `claimant`. What cannot
 * be bound is answered with the error of {@link BoundListeners.acquire}.
 */
export function answerListenerRequests(
  peer: Peer<DaemonToMaster, MasterToDaemon>,
  listeners: BoundListeners,
  claimant: string,
): void {
  const acquire = decoding(masterToDaemon, 'acquireListener', (address, { handle }: RequestContext) => {
    handle?.close();
    const bound = listeners.acquire(claimant, address);
    const { key, port, isPassed } = bound;
    const answer: AcquiredListener = {
      key,
      address: bound.address,
      port,
      ...(isPassed && { passed: true as const }),
    };
    return new AnswerWithHandle(answer, sendable(bound.handle));
  });
  const release = decoding(masterToDaemon, 'releaseListener', ({ key }, { handle }: RequestContext) => {
    handle?.close();
    if (listeners.release(claimant, key)) return null;
    throw new VhostError('ERR_LISTEN_NOT_HELD', `this master holds no listener '${key}'`, { info: { key } });
  });
  peer.handle('acquireListener', acquire);
  peer.handle('releaseListener', release);
}

/** A handle that {@link BoundListeners} holds, as links take it. @throws {VhostError} ERR_NODE_INTERNALS. */
export function sendable(handle: object): NativeHandle {
  if (isNativeHandle(handle)) return handle;
  throw new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} bound a handle that can't be sent`);
}

function isNativeHandle(handle: object): handle is NativeHandle {
  return 'fd' in handle && 'close' in handle && ('readStop' in handle || 'recvStop' in handle);
}
