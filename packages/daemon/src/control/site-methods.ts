// What a daemon passes on to its master for one site, for its owner's tools: pause, resume, maintenance.
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import type { Peer } from '@vhostd/transport';
import { tellingProgress } from './control-methods.js';
import type { ControlServer } from './control-server.js';
import { optional, record, text } from '../narrow.js';
import type { Reader } from '../narrow.js';
import { parseMaintenance, parsePause, parseResume } from './parse-orders.js';

/**
 * Sets the methods: `pause` `{siteId, timeout?}` → PauseResult; `resume` `{siteId}` → ResumeResult; `maintenance`
 * `{siteId, options: {message?} | null}` → MaintenanceResult. `master` gives the living master's peer or throws.
 */
export function handleSiteMethods(
  control: ControlServer,
  master: () => Peer<DaemonToMaster, MasterToDaemon>,
): void {
  control.handle('pause', async (params) => {
    const fields = record(params, 'pause');
    const siteId = text(fields['siteId'], 'pause.siteId');
    const options = optional(fields, 'timeout', 'pause', duration);
    return parsePause(await master().request('pauseSite', { siteId, ...options }));
  });
  control.handle('resume', async (params) => {
    const siteId = text(record(params, 'resume')['siteId'], 'resume.siteId');
    return parseResume(await master().request('resumeSite', { siteId }));
  });
  control.handle('maintenance', async (params, context) => {
    const fields = record(params, 'maintenance');
    const siteId = text(fields['siteId'], 'maintenance.siteId');
    const options = optionsOf(fields['options'], 'maintenance.options');
    const limit = { timeoutMs: MAINTENANCE_LIMIT_MS };
    const answer = master().request('maintenance', { siteId, options }, limit);
    return parseMaintenance(await tellingProgress(context, answer));
  });
}

/** Whether it is one is for the master to say, which knows its range. */
const duration: Reader<string | number> = (value, path) =>
  typeof value === 'number' ? value : text(value, path);

const optionsOf: Reader<{ message?: string } | null> = (value, path) =>
  value === null ? null : optional(record(value, path), 'message', path, text);

/** Each worker has its site's `callTimeout`, which may be long, to confirm it. */
const MAINTENANCE_LIMIT_MS = 3_600_000;
