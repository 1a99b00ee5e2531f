// The events of a master for those who follow them over the control API. Nobody's work depends on them: who does not
// keep up is dropped.
import { VhostError } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import type { EventsOptions, MasterEvent, WireError } from '@vhostd/protocol';
import type { EventName, EventPayloads, MasterEvents } from '../events.js';
import { EVENT_NAMES } from '../logs/master-log.js';

/** One who follows. */
export interface Follower {
  /** Aborts when nobody reads any more. */
  readonly signal: AbortSignal;
  /** Takes events in their order, several at a time. False: they could not be sent. */
  readonly send: (events: readonly MasterEvent[]) => boolean;
}

/**
 * Sends what happens from now on, until that is not wanted or not possible any more, and then rejects: with the signal's
 * reason, ERR_CONTROL_SLOW, or what `send` throws.
 */
export async function followEvents(
  events: MasterEvents,
  { siteId, connections }: EventsOptions,
  { signal, send }: Follower,
): Promise<never> {
  const left = new Deferred<never>();
  const batch = new Batch(send, (error) => left.reject(error));
  const names = EVENT_NAMES.filter((name) => connections === 'true' || !name.startsWith('connection.'));
  const stopListening = listen(events, names, (name, payload) => {
    const shown: object = SHOWN[name]?.(payload as never) ?? payload;
    if (siteId === undefined || Reflect.get(shown, 'siteId') === siteId) batch.add(name, shown);
  });
  const onAbort = (): void => left.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  batch.add('subscribed', { master: process.pid });
  batch.flush();
  try {
    return await left.promise;
  } finally {
    stopListening();
    signal.removeEventListener('abort', onAbort);
    batch.drop();
  }
}

type Payload = EventPayloads[EventName];

/** Gives what stops it. */
function listen(
  events: MasterEvents,
  names: readonly EventName[],
  take: (name: EventName, payload: Payload) => void,
): () => void {
  const listeners = names.map((name) => {
    const listener = (payload: Payload): void => take(name, payload);
    events.on(name, listener);
    return [name, listener] as const;
  });
  return () => {
    for (const [name, listener] of listeners) events.off(name, listener);
  };
}

/** Gathers the events of a moment. */
class Batch {
  readonly #send: Follower['send'];
  readonly #fail: (error: unknown) => void;
  #events: MasterEvent[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(send: Follower['send'], fail: (error: unknown) => void) {
    this.#send = send;
    this.#fail = fail;
  }

  add(event: string, payload: object): void {
    if (this.#events.length >= MAX_GATHERED_COUNT) return this.#fail(tooSlow());
    this.#events.push({ time: new Date().toISOString(), event, payload: { ...payload } });
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  flush(): void {
    const events = this.#events;
    this.drop();
    try {
      if (!this.#send(events)) this.#fail(tooSlow());
    } catch (error) {
      this.#fail(error);
    }
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#events = [];
  }
}

function tooSlow(): VhostError {
  return new VhostError(
    'ERR_CONTROL_SLOW',
    'events come faster than they are read: some are lost, ask again',
  );
}

/** Payloads that are not shown as they are: confs have secrets and a route of their own, errors have stacks. */
const SHOWN: { readonly [Name in EventName]?: (payload: EventPayloads[Name]) => object } = {
  'conf.applied': () => ({}),
  'listener.failed': shownError,
  'site.served': ({ conf: { siteId }, generation, finished }) => ({
    siteId,
    generation,
    ...(finished === undefined ? {} : { finished }),
  }),
  'site.failed': shownError,
  'site.given-up': shownError,
  'site.reload.failed': shownError,
  'site.restart.failed': shownError,
  'sites.loaded': ({ failures }) => ({ failures: failures.map(shownError) }),
};

function shownError({ error, ...rest }: { readonly error: Error | WireError }): object {
  const { message } = error;
  return { ...rest, error: { ...('code' in error ? { code: error.code } : {}), message } };
}

/** Those of so long are sent together, ms: at thousands a second it is the messages that cost. */
const GATHER_MS = 20;
/** More than come in {@link GATHER_MS}, of a master whose processor is not held up by sending them. */
const MAX_GATHERED_COUNT = 5_000;
