// What of the events of a master is written to its log: the level of each line, and its fields.
import type { EventName, EventPayloads, MasterEvents } from '../events.js';
import type { LogLevel, Logger } from './logger.js';

/** The level of a line and, where they are not the payload itself, its fields; undefined: nothing is written. */
type Line<Name extends EventName> = LineOf<EventPayloads[Name]> | undefined;

interface LineOf<Payload> {
  /** Where it depends on the payload, `levelOf` says it. */
  readonly level?: LogLevel;
  levelOf?(payload: Payload): LogLevel | undefined;
  fields?(payload: Payload): object;
}

/** The lines of all events. docs/events.md shows the levels. */
export const LINES: { readonly [Name in EventName]: Line<Name> } = {
  'conf.applied': undefined,
  'handoff.chosen': { levelOf: ({ reason }) => (reason === undefined ? 'debug' : 'warn') },
  'logs.reopened': { level: 'info' },
  'log.failed': { level: 'error' },
  'certificate.issued': { level: 'info' },
  'certificate.failed': { level: 'warn' },
  'certificates.exited': { level: 'warn' },
  'watcher.exited': { level: 'warn' },
  'fleet.connected': { level: 'info' },
  'fleet.lost': { level: 'warn' },
  'fleet.drained': { level: 'info' },
  'fleet.drain-failed': { level: 'warn' },
  'fleet.machine-drained': { level: 'info' },
  'fleet.machine-resumed': { level: 'info' },
  'fleet.sites': { level: 'debug' },
  'fleet.sites-wanted': { level: 'debug' },
  'fleet.exited': { level: 'warn' },
  'listener.opened': { level: 'info' },
  'listener.closed': { level: 'info' },
  'listener.failed': { level: 'error', fields: ({ key, error: { message } }) => ({ key, message }) },
  'listener.accept-failed': { level: 'error' },
  'listeners.paused': { level: 'warn' },
  'listeners.resumed': { level: 'warn' },
  'metrics.push-failed': { level: 'warn' },
  'metrics.push-resumed': { level: 'info' },
  'connection.accepted': undefined,
  'connection.refused': { level: 'debug' },
  'connection.redirected': undefined,
  'connection.left': { level: 'debug' },
  'connection.handed-off': undefined,
  'connection.accepted-directly': undefined,
  'connection.redispatched': { level: 'debug' },
  'connection.handed-back': undefined,
  'worker.spawned': { level: 'info', fields: (worker) => without(worker, 'leaveLimitMs', 'stopSignal') },
  'worker.spawn-failed': { level: 'warn' },
  'worker.spare-failed': { level: 'warn' },
  'worker.ready': { level: 'info' },
  'worker.stats': undefined,
  'worker.refused': { level: 'debug' },
  'worker.also-listens': { levelOf: ({ hint }) => (hint === undefined ? 'info' : 'warn') },
  'worker.certificates': undefined,
  'worker.violation': { level: 'warn' },
  'worker.replaced': { level: 'info' },
  'worker.replacement-failed': { level: 'warn' },
  'worker.exited': {
    levelOf: ({ expected }) => (expected ? 'info' : 'warn'),
    fields: (worker) => without(worker, 'expected'),
  },
  'site.state': {
    levelOf: ({ from, to }) => (from === to ? undefined : 'debug'),
    // A line's `event` is its name.
    fields: ({ event: step, ...rest }) => ({ ...rest, step }),
  },
  'site.published': { level: 'debug' },
  'site.withdrawn': { level: 'debug' },
  'site.served': undefined,
  'site.failed': { level: 'error' },
  'site.limits-unheld': { level: 'warn' },
  'site.given-up': { level: 'error' },
  'site.reloaded': { level: 'info' },
  'site.reload.failed': { level: 'error', fields: outcomeFields },
  'site.restarted': { level: 'info' },
  'site.restart.failed': { level: 'error', fields: outcomeFields },
  'site.idle': { level: 'info' },
  'site.woken': { level: 'info' },
  'site.frozen': { level: 'info' },
  'site.thawed': { level: 'info' },
  'site.due': undefined,
  'site.cron': { level: 'info' },
  'site.cron.skipped': { level: 'warn' },
  'certificate.used': { level: 'info' },
  'certificate.due': { level: 'warn' },
  'certificate.expired': { level: 'error' },
  'certificate.fault': { level: 'warn' },
  'site.watched': { level: 'info' },
  'site.changed': { level: 'info' },
  'site.watch-problem': { level: 'warn' },
  'site.broken': { level: 'warn' },
  'site.mended': { level: 'info' },
  'site.stopped': { level: 'info' },
  'site.started': { level: 'info' },
  'site.scaled': { level: 'info' },
  'site.signalled': { level: 'info' },
  'logs.flushed': { level: 'info' },
  'site.added': { level: 'info' },
  'site.left-out': { level: 'warn' },
  'sites.desired-unreadable': { level: 'error' },
  'site.paused': { level: 'info' },
  'site.resumed': { level: 'info' },
  'site.maintenance': { level: 'info' },
  'site.removed': { level: 'debug' },
  'sites.loaded': { level: 'debug' },
};

/** The names of all events. */
export const EVENT_NAMES = Object.keys(LINES) as EventName[];

export class MasterLog {
  /** Written to from now on. */
  logger: Logger;
  /** Lines of what {@link ABOUT_BROKEN} names are `info` at most. */
  quietOnBroken = false;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** Writes of all that happens. */
  subscribe(events: MasterEvents): void {
    for (const name of EVENT_NAMES) {
      const line = LINES[name];
      if (line === undefined) continue;
      const write = (payload: EventPayloads[EventName]): void => this.#write(name, line, payload);
      events.on(name, write);
    }
  }

  #write(name: EventName, line: LineOf<EventPayloads[EventName]>, payload: EventPayloads[EventName]): void {
    const written = line.level ?? line.levelOf?.(payload);
    if (written === undefined) return;
    const level = this.quietOnBroken && ABOUT_BROKEN.has(name) ? 'info' : written;
    this.logger[level]({ event: name, ...(line.fields?.(payload) ?? payload) });
  }
}

/** All that one error in a site's code leads to, beside what its worker prints. */
const ABOUT_BROKEN: ReadonlySet<EventName> = new Set([
  'worker.exited',
  'site.broken',
  'site.failed',
  'site.given-up',
  'site.reload.failed',
]);

function without(payload: object, ...names: string[]): object {
  return Object.fromEntries(Object.entries(payload).filter(([field]) => !names.includes(field)));
}

function outcomeFields({ error, ...outcome }: EventPayloads['site.reload.failed']): object {
  const { code, message } = error;
  return { ...outcome, code, message };
}
