// The control API of the master, over the link to it.
import type { FleetToMaster, MasterToFleet } from '@vhostd/protocol';
import { decoding, masterToFleet } from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';
import type { ControlApi } from './master-sites.js';

export class MasterControl implements ControlApi {
  readonly #peer: Peer<FleetToMaster, MasterToFleet>;
  readonly #following = new Map<number, (value: unknown) => void>();
  #lastId = 0;

  constructor(peer: Peer<FleetToMaster, MasterToFleet>) {
    this.#peer = peer;
    peer.handle(
      'controlProgress',
      decoding(masterToFleet, 'controlProgress', ({ id, value }) => {
        this.#following.get(id)?.(value);
        return null;
      }),
    );
  }

  async request(path: string): Promise<unknown> {
    return await this.#peer.request('control', { id: (this.#lastId += 1), method: 'GET', path });
  }

  async follow(path: string, onValue: (value: unknown) => void): Promise<unknown> {
    const id = (this.#lastId += 1);
    this.#following.set(id, onValue);
    try {
      return await this.#peer.request('control', { id, method: 'GET', path }, { timeoutMs: ENDLESS_MS });
    } finally {
      this.#following.delete(id);
    }
  }
}

const ENDLESS_MS = 2 ** 31 - 1;
