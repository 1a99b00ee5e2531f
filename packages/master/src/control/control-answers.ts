// Answers what the daemon passes on of the control API.
import type { ControlRequest } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import { findRoute, noRoute } from '@vhostd/protocol/schemas';
import { routes } from './routes.js';
import type { ControlledMaster } from './routes.js';

export class ControlAnswers {
  readonly #master: ControlledMaster;
  readonly #running = new Map<number, AbortController>();

  constructor(master: ControlledMaster) {
    this.#master = master;
  }

  /** Carries one request out. Rejects with ERR_CONTROL_ROUTE, ERR_CONTROL_METHOD, ERR_CONTROL_REQUEST, or its error. */
  async answer(
    { id, method, path, body }: ControlRequest,
    progress: (value: unknown) => boolean,
  ): Promise<unknown> {
    const found = findRoute(routes, method, path);
    if (!('route' in found)) throw noRoute(method, path, found.allowed);
    const abort = new AbortController();
    this.#running.set(id, abort);
    try {
      const { route, params } = found;
      // An order right behind the death of the master before this one is not to fail for want of sites.
      if (method !== 'GET') await this.#master.loaded;
      return await route.run(this.#master, { params, body, signal: abort.signal, progress });
    } finally {
      this.#running.delete(id);
    }
  }

  /** Nobody waits for the answer to this request any more. */
  cancel(id: number): void {
    this.#running.get(id)?.abort(new VhostError('ERR_CONTROL_GONE', 'the client has left'));
  }
}
