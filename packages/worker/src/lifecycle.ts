// The hooks of a site's code around being published: merged and created (synchronous), started and stopped.
import { VhostError } from '@vhostd/protocol';
import type { ServerConfUpdate } from '@vhostd/protocol';

/** What a site's code may do around its start and its end. */
export interface LifecycleHooks {
  /**
   * The conf is about to be sent to the master, and may still be changed in place. For a site whose conf file says
   * where it is served, and whose code does not: that conf, once. Synchronous.
   */
  merged?: (conf: ServerConfUpdate) => void;
  /** The server is set; nothing is connected yet. Synchronous. */
  created?: () => void;
  /** Connect what the site needs. The site is published when this has resolved; a rejection fails the boot. */
  started?: () => void | Promise<void>;
  /** Every connection has ended. Disconnect here; the process exits when this has resolved. */
  stopped?: () => void | Promise<void>;
}

/** Runs each hook once, in order, and refuses what is out of order. */
export class Lifecycle {
  #hooks: LifecycleHooks = {};
  #merged = false;
  /** What a `merged` threw before the start. */
  #failure: { error: unknown } | undefined;
  #phase: 'booting' | 'started' | 'stopped' = 'booting';

  /**
   * Adds hooks.
   * @throws {VhostError} ERR_LIFECYCLE_LATE once the worker has been started, ERR_LIFECYCLE_HOOK for an unknown
   * name or what is no function.
   */
  add(hooks: LifecycleHooks): void {
    if (this.#phase !== 'booting') {
      throw new VhostError('ERR_LIFECYCLE_LATE', 'lifecycle hooks must be set while the site loads');
    }
    for (const [name, hook] of Object.entries(hooks)) {
      if (!HOOKS.has(name) || (hook !== undefined && typeof hook !== 'function')) {
        throw new VhostError(
          'ERR_LIFECYCLE_HOOK',
          `'${name}' is no hook; there are ${[...HOOKS].join(', ')}`,
          {
            info: { name },
          },
        );
      }
    }
    this.#hooks = { ...this.#hooks, ...hooks };
  }

  /**
   * Lets `merged` change a conf. What fails before the start fails that, too.
   * @throws {VhostError} ERR_LIFECYCLE_ASYNC when the hook returns a promise; and what the hook throws.
   */
  merge(conf: ServerConfUpdate): void {
    this.#merged = true;
    try {
      refusePromise('merged', this.#hooks.merged?.(conf));
    } catch (error) {
      if (this.#phase === 'booting') this.#failure ??= { error };
      throw error;
    }
  }

  /**
   * {@link merge} for a conf that the site's code has not touched. Returns the fields that the hook has changed.
   * @throws {VhostError} as {@link merge}.
   */
  mergeGiven(conf: ServerConfUpdate): ServerConfUpdate {
    if (this.#merged) return {};
    const before = structuredClone(conf);
    this.merge(conf);
    const changed = Object.entries(conf).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(Reflect.get(before, name)),
    );
    return Object.fromEntries(changed);
  }

  /**
   * Runs `created`, then `started`.
   * @throws {VhostError} ERR_LIFECYCLE_ASYNC when `created` returns a promise; and what the hooks throw, `merged` included.
   */
  async start(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    refusePromise('created', this.#hooks.created?.());
    await this.#hooks.started?.();
    this.#phase = 'started';
  }

  /** Whether there is a `stopped` to run. */
  get hasStop(): boolean {
    return this.#hooks.stopped !== undefined;
  }

  /** Runs `stopped`, once, if `started` was run. */
  async stop(): Promise<void> {
    if (this.#phase !== 'started') return;
    this.#phase = 'stopped';
    await this.#hooks.stopped?.();
  }
}

const HOOKS: ReadonlySet<string> = new Set(['merged', 'created', 'started', 'stopped']);

function refusePromise(name: string, result: unknown): void {
  if (typeof result === 'object' && result !== null && 'then' in result) {
    throw new VhostError('ERR_LIFECYCLE_ASYNC', `'${name}' is synchronous and must not return a promise`);
  }
}
