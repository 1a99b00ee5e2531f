// No connection is accepted while descriptors are short and nobody is left who could make room: at the last descriptor
// the system would take connections only to close them. Who connects meanwhile waits in the kernel's queue.
import type { MasterEvents } from '../events.js';
import { DescriptorRoom } from '@vhostd/transport';
import type { ListenerRegistry } from './listener-registry.js';

export class AcceptPause {
  readonly #listeners: Pick<ListenerRegistry, 'pause' | 'resume'>;
  readonly #events: MasterEvents;
  readonly #room: Pick<DescriptorRoom, 'missingNow'>;
  #timer: NodeJS.Timeout | undefined;

  /** `room` is replaced by tests. */
  constructor(
    listeners: Pick<ListenerRegistry, 'pause' | 'resume'>,
    events: MasterEvents,
    room: Pick<DescriptorRoom, 'missingNow'> = new DescriptorRoom(),
  ) {
    this.#listeners = listeners;
    this.#events = events;
    this.#room = room;
  }

  /** Accepts nothing more, until there is room again. False: connections go on coming. */
  begin(): boolean {
    if (this.#timer !== undefined) return true;
    if (!this.#listeners.pause()) return false;
    const sinceMs = performance.now();
    this.#events.emit('listeners.paused', {});
    this.#timer = setInterval(() => void this.#look(sinceMs), LOOK_MS);
    return true;
  }

  async #look(sinceMs: number): Promise<void> {
    if (this.#room.missingNow() > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#listeners.resume();
    this.#events.emit('listeners.resumed', { pausedMs: Math.round(performance.now() - sinceMs) });
  }
}

/** How soon behind the shortage connections are accepted again, ms. */
const LOOK_MS = 100;
