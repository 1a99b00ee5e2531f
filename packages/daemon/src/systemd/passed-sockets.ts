// The listening sockets that systemd, or whoever speaks its protocol, has passed to this process, or has
// stored for it: sd_listen_fds(3). They take the place of those that the daemon would bind.
import { openBound } from '@vhostd/transport';
import type { Logger } from 'pino';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import { isStoredName } from './socket-store.js';

/** Keys of the sockets that were passed to the first daemon, for the daemons that follow, which get them from another. */
const PASSED_VARIABLE = 'VHOSTD_PASSED_LISTENERS';

/** What {@link PASSED_VARIABLE} holds, which is removed then. */
export function readPassedKeys(env: NodeJS.ProcessEnv): string[] {
  const { [PASSED_VARIABLE]: text = '' } = env;
  delete env[PASSED_VARIABLE];
  return text === '' ? [] : text.split(';');
}

/** The variables by which the daemons that follow know of them. */
export function passedVariables(listeners: BoundListeners): Record<string, string> {
  const { passedKeys } = listeners;
  return passedKeys.length === 0 ? {} : { [PASSED_VARIABLE]: passedKeys.join(';') };
}

/** Takes the sockets that are meant for this process, and removes the variables. */
export function takePassedSockets(env: NodeJS.ProcessEnv, listeners: BoundListeners, log: Logger): void {
  const { LISTEN_PID: pid, LISTEN_FDS: count = '', LISTEN_FDNAMES: names = '' } = env;
  if (pid !== String(process.pid)) return;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
  if (!/^\d{1,4}$/u.test(count)) return;
  const nameOf = names.split(':');
  for (let place = 0; place < Number(count); place += 1) {
    const fd = FIRST_FD + place;
    const name = nameOf[place] ?? 'unknown';
    const bound = openBound(fd);
    const key = bound === undefined ? undefined : add(listeners, bound, name);
    if (key === undefined) {
      const why = bound === undefined ? 'it is no TCP listener' : 'there is another one of that address';
      log.warn({ event: 'listener.not-taken', fd, name, why });
    } else log.info({ event: 'listener.passed', key, name });
  }
}

function add(listeners: BoundListeners, bound: Bound, name: string): string | undefined {
  return isStoredName(name) ? listeners.addStored(bound) : listeners.addPassed(bound);
}

/** Warns, once of each, of sockets that no site listens on: clients that connect there wait in vain. */
export class UnusedSockets {
  readonly #listeners: BoundListeners;
  readonly #log: { warn(fields: object): void };
  readonly #told = new Set<string>();

  constructor(listeners: BoundListeners, log: { warn(fields: object): void }) {
    this.#listeners = listeners;
    this.#log = log;
  }

  /** To be called when the sites are loaded. */
  check(): void {
    for (const { key, claimed } of this.#listeners.passed()) {
      if (claimed) this.#told.delete(key);
      else if (!this.#told.has(key)) {
        this.#told.add(key);
        this.#log.warn({ event: 'listener.unused', key, why: 'no site listens there' });
      }
    }
  }
}

type Bound = NonNullable<ReturnType<typeof openBound>>;

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;
