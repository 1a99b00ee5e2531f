// Gives one master the listening sockets that it asks for, until it is gone.
import { VhostError } from '@vhostd/protocol';
import { AnswerWithHandle } from '@vhostd/transport';
import type { AcquiredListener, DaemonToMaster, ListenAddress, MasterToDaemon } from '@vhostd/protocol';
import type { NativeHandle, Peer } from '@vhostd/transport';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import { count, optional, record, text } from '../narrow.js';

/**
 * Answers `acquireListener` and `releaseListener` of a master whose claims go by the name `claimant`. What cannot
 * be bound is answered with the error of {@link BoundListeners.acquire}.
 */
export function answerListenerRequests(
  peer: Peer<DaemonToMaster, MasterToDaemon>,
  listeners: BoundListeners,
  claimant: string,
): void {
  peer.handle('acquireListener', (params, { handle }) => {
    handle?.close();
    const bound = listeners.acquire(claimant, parseAddress(params));
    const answer: AcquiredListener = { key: bound.key, address: bound.address, port: bound.port };
    return new AnswerWithHandle(answer, sendable(bound.handle));
  });
  peer.handle('releaseListener', (params, { handle }) => {
    handle?.close();
    const key = text(record(params, 'releaseListener')['key'], 'releaseListener.key');
    if (listeners.release(claimant, key)) return null;
    throw new VhostError('ERR_LISTEN_NOT_HELD', `this master holds no listener '${key}'`, { info: { key } });
  });
}

function parseAddress(params: unknown): ListenAddress {
  const fields = record(params, 'acquireListener');
  return {
    port: count(fields['port'], 'acquireListener.port'),
    ...optional(fields, 'ipaddress', 'acquireListener', text),
  };
}

/** A handle that {@link BoundListeners} holds, as links take it. @throws {VhostError} ERR_NODE_INTERNALS. */
export function sendable(handle: object): NativeHandle {
  if (isNativeHandle(handle)) return handle;
  throw new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} bound a handle that can't be sent`);
}

function isNativeHandle(handle: object): handle is NativeHandle {
  return 'fd' in handle && 'close' in handle && 'readStop' in handle;
}
