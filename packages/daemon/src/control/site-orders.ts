// The orders for sites, in their order with upgrades: an upgrade waits for those that were given before it, and those
// that are given while it is under way wait for its end, so that none is undone by it.
import { VhostError } from '@vhostd/protocol';
import { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { logOutcome } from '../log.js';
import type { MasterControl } from '../master/master-control.js';
import type { ControlCall } from './control-exchange.js';
import type { DaemonClient } from './daemon-client.js';

/** Who carries orders out. */
export interface OrderTargets {
  /** The living master, or throws. */
  master(): MasterControl;
  /** The daemon that has taken the place of this one. */
  nextDaemon(): DaemonClient;
}

/** An order, as the control API has it. */
export type Order = Pick<ControlCall, 'method' | 'path' | 'body'> &
  Partial<Pick<ControlCall, 'progress' | 'signal'>>;

/** What happens to orders. */
export interface SiteOrdersEvents {
  /** One is to be carried out; `outcome` is that of {@link SiteOrders.give}. */
  given: (order: Order, outcome: Promise<unknown>) => void;
}

export class SiteOrders extends EventEmitter<SiteOrdersEvents> {
  readonly #targets: OrderTargets;
  readonly #log: Logger;
  /** All that have no outcome yet. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Resolves when the upgrade that is under way is over. */
  #upgrade: Promise<void> | undefined;
  #isReplaced = false;
  #abandon: (error: Error) => void = () => undefined;
  readonly #abandoned: Promise<never>;

  constructor(targets: OrderTargets, log: Logger) {
    super();
    this.#targets = targets;
    this.#log = log;
    this.#abandoned = new Promise((_resolve, reject) => {
      this.#abandon = reject;
    });
    this.#abandoned.catch(() => undefined);
  }

  /** What the master answers to a question, which changes nothing and waits for nothing. */
  async ask(question: Order, timeoutMs: number = ORDER_LIMIT_MS): Promise<unknown> {
    const { method, path, body, signal, progress } = question;
    return await this.#targets.master().request({
      method,
      path,
      body,
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    });
  }

  /**
   * Has an order carried out by whoever is in charge when it is its turn; it goes on when its client leaves. Rejects with
   * what {@link OrderTargets.master} throws, ERR_CALL_LOST, ERR_CALL_TIMEOUT, or the master's error; or as
   * {@link DaemonClient.request}.
   */
  give(order: Order): Promise<unknown> {
    const name = `${order.method} ${order.path}`;
    const outcome = this.#inTurn(order, name);
    const ended = (): void => void this.#pending.delete(outcome);
    this.#pending.add(outcome);
    outcome.then(ended, ended);
    this.emit('given', order, outcome);
    return logOutcome(this.#log, 'order', 'order.done', outcome, { order: name });
  }

  /**
   * Runs an upgrade between orders, and gives its outcome: success means that another daemon is in charge.
   * `onWaiting` is called if there are orders that it waits for. One upgrade at a time.
   */
  async upgrade<T>(run: () => Promise<T>, onWaiting: () => void): Promise<T> {
    if (this.#pending.size > 0) onWaiting();
    const outcome = Promise.allSettled(this.#pending).then(run);
    this.#upgrade = outcome
      .then(
        () => {
          this.#isReplaced = true;
        },
        () => undefined,
      )
      .then(() => {
        this.#upgrade = undefined;
      });
    return await outcome;
  }

  /** Waits no longer for what another daemon does: this one is to end. */
  abandon(): void {
    const message = 'this daemon is being stopped; the one that took its place may carry the order out';
    this.#abandon(new VhostError('ERR_DAEMON_STATE', message));
  }

  /** Resolves when each has its outcome. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  async #inTurn(order: Order, name: string): Promise<unknown> {
    if (this.#upgrade !== undefined) {
      this.#log.info({ event: 'order.waiting', order: name, for: 'upgrade' });
      await this.#upgrade;
    }
    const { method, path, body, progress } = order;
    if (this.#isReplaced) {
      const request = { method, path, body, ...(progress === undefined ? {} : { onProgress: progress }) };
      return await Promise.race([this.#abandoned, this.#targets.nextDaemon().request(request)]);
    }
    return await this.ask({ method, path, body, ...(progress === undefined ? {} : { progress }) });
  }
}

/** A site boots, and a worker answers, within its own limit; this one holds for all of them, one after the other. */
const ORDER_LIMIT_MS = 3_600_000;
