// How bound sockets go from one process to the next: pushed over a link, so that they wait in the kernel for a process
// that has not booted yet.
import { VhostError } from '@vhostd/protocol';
import type { TransferredListener } from '@vhostd/protocol';
import { daemonToCandidate, decoding } from '@vhostd/protocol/schemas';
import type { RequestContext, RequestOptions } from '@vhostd/transport';
import type { BoundListeners } from './bound-listeners.js';
import { sendable } from './listener-requests.js';

/** The sending end of a link over which sockets can be pushed. */
interface Giver {
  request(method: 'transferListener', params: TransferredListener, options: RequestOptions): Promise<unknown>;
}

/** The receiving end. */
interface Taker {
  handle(method: 'transferListener', handler: (params: unknown, context: RequestContext) => null): void;
}

/** Hands every socket over, without a claim. What the other end does not take it can ask for. */
export function sendListeners(peer: Giver, listeners: BoundListeners): void {
  for (const { key, address, port, handle, isPassed } of listeners.held()) {
    const passenger = { handle: sendable(handle), release: () => undefined };
    const listener = { key, address, port, claims: 0, ...(isPassed && { passed: true as const }) };
    peer.request('transferListener', listener, { passenger }).catch(() => undefined);
  }
}

/** Takes the sockets that the other end transfers, claimed in the name of `claimant` at least `leastClaims` times. */
export function receiveListeners(
  peer: Taker,
  listeners: BoundListeners,
  claimant: string,
  leastClaims = 0,
): void {
  const receive = decoding(
    daemonToCandidate,
    'transferListener',
    ({ key, claims }, { handle }: RequestContext) => {
      if (handle === undefined) {
        throw new VhostError('ERR_LISTEN_TRANSFER', 'a listener came without its socket');
      }
      const claimCount = Math.max(leastClaims, Math.min(CLAIMS_MAX_COUNT, claims));
      listeners.adopt(claimant, { key, claims: claimCount }, handle);
      return null;
    },
  );
  peer.handle('transferListener', receive);
}

/** How often one process may listen on one socket: far more than anyone does. */
const CLAIMS_MAX_COUNT = 10_000;
