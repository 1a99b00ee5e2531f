// Passes requests of the control API on to one master, as they came.
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import { decoding, masterToDaemon } from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';

/** A request for the master. */
export interface MasterRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** Tells the master that nobody waits any more. Default: somebody does until the answer is there. */
  readonly signal?: AbortSignal;
  /** How long the answer may take, ms. */
  readonly timeoutMs: number;
  /** Gets what the master tells meanwhile. */
  readonly progress?: (value: unknown) => void;
}

export class MasterControl {
  readonly #peer: Peer<DaemonToMaster, MasterToDaemon>;
  readonly #running = new Map<number, MasterRequest>();
  #lastId = 0;

  constructor(peer: Peer<DaemonToMaster, MasterToDaemon>) {
    this.#peer = peer;
    const progressed = decoding(masterToDaemon, 'controlProgress', ({ id, value }) => {
      this.#running.get(id)?.progress?.(value);
      return null;
    });
    peer.handle('controlProgress', progressed);
  }

  /** What the master answers. Rejects with its error, ERR_CALL_LOST, ERR_CALL_TIMEOUT. */
  async request(request: MasterRequest): Promise<unknown> {
    const { method, path, body, signal, timeoutMs } = request;
    const id = (this.#lastId += 1);
    const cancel = (): void => void this.#peer.notify('cancelControl', { id });
    this.#running.set(id, request);
    signal?.addEventListener('abort', cancel);
    try {
      return await this.#peer.request('control', { id, method, path, body }, { timeoutMs });
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#running.delete(id);
    }
  }
}
