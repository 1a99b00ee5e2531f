// What a daemon logs and emits of the master in its slot.
import type { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import type { DaemonEvents } from '../daemon-options.js';
import { errorFields } from '../log.js';
import type { MasterSlotOwner } from './master-slot.js';

/** The part of a slot's owner that only tells. */
export function slotReports(
  events: EventEmitter<DaemonEvents>,
  log: Logger,
): Omit<MasterSlotOwner, 'onGivenUp' | 'onCall'> {
  const tellPid = (event: 'master::spawned' | 'master::adopted' | 'master::ready') => (pid: number) => {
    log.info({ event, master: pid });
    events.emit(event, pid);
  };
  return {
    onSpawned: tellPid('master::spawned'),
    onAdopted: tellPid('master::adopted'),
    onReady: tellPid('master::ready'),
    onExit: (reason) => {
      log.info({ event: 'master::exit', reason: reason.message });
      events.emit('master::exit', reason);
    },
    onLoaded: (failures) => {
      log.info({ event: 'loaded', failed: failures.map(({ siteId }) => siteId) });
      events.emit('loaded', failures);
    },
    onTrouble: (event, detail) => log.warn({ event, ...errorFields(log, detail) }),
  };
}
