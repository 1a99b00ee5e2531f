// What operators order of a site, checked: pause, resume, maintenance, another number of workers.
import { availableParallelism } from 'node:os';
import { VhostError } from '@vhostd/protocol';
import type { MaintenanceResult, PauseResult, ResumeResult, ScaleOptions } from '@vhostd/protocol';
import { noServerError } from '../conf/no-server.js';
import { MAX_DURATION_MS } from '../conf/fields.js';
import { durationWithoutUnit, formatDuration, parseDuration } from '../conf/quantity.js';
import { readMaintenancePage } from './maintenance-page.js';
import type { Site } from './site.js';

/** What a pause is to be. @throws {VhostError} ERR_SITE_OPTION, ERR_SITE_NO_SERVER. */
export function pauseOf(site: Pick<Site, 'siteId' | 'conf'>, options: unknown): PauseResult {
  const { siteId, conf } = site;
  if (!conf.server) throw noServerError(siteId, 'connections to hold');
  const { timeout } = fieldsOf(options, ['timeout']);
  const timeoutMs = timeout === undefined ? Math.max(PAUSE_MS, conf.parkTimeoutMs) : durationOf(timeout);
  return { siteId, timeoutMs, maxCount: conf.parkMaxCount };
}

export function resumeSite(site: Site): ResumeResult {
  return { siteId: site.siteId, ...site.ingress.resume() };
}

/**
 * Begins a maintenance, or ends it with null. Resolves once every worker that answers has it in force.
 * @throws {VhostError} ERR_SITE_OPTION, ERR_MAINTENANCE_PAGE, ERR_MAINTENANCE_SERVER, ERR_SITE_NO_SERVER: nothing has
 * changed.
 */
export async function maintainSite(site: Site, options: unknown): Promise<MaintenanceResult> {
  const { siteId, conf } = site;
  if (options === null) return { siteId, on: false, silentCount: await site.ingress.maintain(undefined) };
  if (!conf.server) throw noServerError(siteId, 'requests to answer');
  const { message, title, refresh } = fieldsOf(options, ['message', 'title', 'refresh']);
  if (message !== undefined && (typeof message !== 'string' || message.length > MESSAGE_MAX_CHARS)) {
    throw wrong('message', message, `a text of at most ${MESSAGE_MAX_CHARS} characters`);
  }
  if (title !== undefined && (typeof title !== 'string' || title.length > TITLE_MAX_CHARS)) {
    throw wrong('title', title, `a text of at most ${TITLE_MAX_CHARS} characters`);
  }
  if (refresh !== undefined && (typeof refresh !== 'number' || !(refresh >= 1 && refresh <= REFRESH_MAX_S))) {
    throw wrong('refresh', refresh, `a number of seconds from 1 to ${REFRESH_MAX_S}`);
  }
  const page = await readMaintenancePage(conf, { message, title, refresh });
  const silentCount = await site.ingress.maintain({ page, message });
  const own = refresh === undefined ? conf.maintenancePage : undefined;
  return { siteId, on: true, ...(own === undefined ? {} : { page: own }), silentCount };
}

/** How many workers are wanted, where there are to be `before`. @throws {VhostError} ERR_SITE_OPTION. */
export function scaledCount(wanted: ScaleOptions['workers'], before: number): number {
  if (wanted === 'conf') return before;
  const count =
    typeof wanted === 'number' ? wanted : wanted === 'max' ? availableParallelism() : before + Number(wanted);
  if (count >= 1 && count <= WORKERS_MAX_COUNT) return count;
  const message = `workers: ${count} is not a number from 1 to ${WORKERS_MAX_COUNT}; vhostd stop SITE stops a site`;
  throw new VhostError('ERR_SITE_OPTION', message, { info: { option: 'workers' } });
}

function fieldsOf(options: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrong('options', options, 'an object');
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw wrong('options', unknown, `one of ${names.join(', ')}`);
  return { ...options };
}

function durationOf(value: unknown): number {
  const parsed = typeof value === 'string' || typeof value === 'number' ? parseDuration(value) : undefined;
  if (parsed !== undefined && parsed >= 1 && parsed <= MAX_DURATION_MS) return parsed;
  const expected = `a duration from 1ms to ${formatDuration(MAX_DURATION_MS)}`;
  // A command line has nothing but texts.
  if (typeof value !== 'string') throw wrong('timeout', value, `${expected}, as '30s' or in milliseconds`);
  throw wrong('timeout', value, `${expected}, written as '30s'`, durationWithoutUnit(value));
}

function wrong(name: string, value: unknown, expected: string, reason?: string): VhostError {
  const shown = typeof value === 'object' ? typeof value : JSON.stringify(value)?.slice(0, 100);
  return new VhostError('ERR_SITE_OPTION', `${name}: ${reason ?? `${shown} is not ${expected}`}`, {
    info: { option: name, expected },
  });
}

/** How long a pause holds a connection: time for a person to give the next command, less than clients wait. */
const PAUSE_MS = 30_000;
const MESSAGE_MAX_CHARS = 2000;
const TITLE_MAX_CHARS = 100;
const REFRESH_MAX_S = 3600;
const WORKERS_MAX_COUNT = 1024;
