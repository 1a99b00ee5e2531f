// The process of a master whose daemon has died: not a child of this one, so its end is found by looking.
import { isAlive, signalIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import type { Link } from '@vhostd/transport';
import type { MasterBody } from './master-process.js';

/** Whom to adopt, over which link. */
export interface Adoption {
  identity: ProcessIdentity;
  link: Link;
}

export function adoptMaster({ identity, link }: Adoption): MasterBody {
  let onExit: (code: null, signal: null) => void = () => undefined;
  const look = (waitedMs: number): void => {
    if (!isAlive(identity)) return onExit(null, null);
    const delayMs = waitedMs < OFTEN_MS ? LOOK_MS : LOOK_LATER_MS;
    setTimeout(() => look(waitedMs + delayMs), delayMs);
  };
  return {
    pid: identity.pid,
    link,
    kill: (signal) => signalIdentity(identity, signal) === 'sent',
    // Nothing of it fails that does not show in its end.
    onError: () => undefined,
    onExit: (callback) => {
      onExit = callback;
    },
    expectExit: () => look(0),
  };
}

/** How often to look whether the process still lives, once its link has ended, ms. */
const LOOK_MS = 5;
/** For so long, ms. */
const OFTEN_MS = 2000;
/** And from then on, ms. */
const LOOK_LATER_MS = 100;
