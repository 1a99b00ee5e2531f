// What a master tells the code that runs it, out of what happens inside.
import { fromWireError } from '@vhostd/protocol';
import type { ListeningInfo } from '@vhostd/protocol';
import type { EventEmitter } from 'eventemitter3';
import type { MasterEvents, SiteFailure } from './events.js';

/** The events of a master, for the code that runs it. */
export interface PublicEvents {
  /** The master has been set up: load sites now. Emitted once, asynchronously. */
  loadend: [];
  'server::listening': [info: ListeningInfo];
  'server::close': [info: ListeningInfo];
  /** A listening socket failed, or one that a site's conf names can't be had; then it has the site's `siteId`. */
  'server::error': [error: Error & { siteId?: string }];
  /** A site can't be started, or all its workers have been given up; the restart policy or a reload may help. */
  error: [error: Error & { siteId?: string }];
}

/** Emits on `master` what of `events` is for the code that runs it. */
export function publish(events: MasterEvents, master: EventEmitter<PublicEvents>): void {
  const onFailed = ({ siteId, error }: SiteFailure): void => {
    const ofListener = error.code.startsWith('ERR_LISTEN') || error.code === 'ERR_ROUTE_CONFLICT';
    master.emit(ofListener ? 'server::error' : 'error', Object.assign(fromWireError(error), { siteId }));
  };
  events.on('listener.opened', (info) => master.emit('server::listening', info));
  events.on('listener.closed', (info) => master.emit('server::close', info));
  events.on('listener.failed', ({ error }) => master.emit('server::error', error));
  events.on('site.failed', onFailed);
  events.on('site.given-up', onFailed);
}
