// Sends a site's conf to the master: one update at a time, and of those that wait only the newest.
import type { ListeningInfo, ServerConfUpdate } from '@vhostd/protocol';

/** What an update came to. */
export interface UpdateResult {
  /** Where the site can be reached now. */
  listening: ListeningInfo[];
}

type Send = (update: ServerConfUpdate) => Promise<UpdateResult>;

interface Waiting {
  update: ServerConfUpdate;
  result: Promise<UpdateResult>;
  settle: (result: Promise<UpdateResult>) => void;
}

export class ConfSender {
  readonly #send: Send;
  #current: Promise<unknown> | undefined;
  #next: Waiting | undefined;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * Sends an update behind the one that is on its way. An update that waits is overtaken field by field by a
   * newer one, whose result is then the result of both: memory stays bounded and the last state wins.
   */
  push(update: ServerConfUpdate): Promise<UpdateResult> {
    if (this.#current === undefined) return this.#start(update);
    if (this.#next === undefined) {
      let settle: Waiting['settle'] = nothing;
      const result = new Promise<UpdateResult>((resolve) => {
        settle = resolve;
      });
      this.#next = { update, result, settle };
    } else {
      this.#next.update = { ...this.#next.update, ...update };
    }
    return this.#next.result;
  }

  /** Resolves once nothing is on its way, however it ended. */
  async idle(): Promise<void> {
    while (this.#current !== undefined) await this.#current.catch(() => undefined);
  }

  #start(update: ServerConfUpdate): Promise<UpdateResult> {
    const result = this.#send(update);
    this.#current = result;
    const done = (): void => {
      const next = this.#next;
      this.#next = undefined;
      this.#current = undefined;
      if (next !== undefined) next.settle(this.#start(next.update));
    };
    result.then(done, done);
    return result;
  }
}

function nothing(): void {
  // replaced before anyone can call it
}
