// Narrows what became of an order for a site.
import type { MaintenanceResult, PauseResult, ResumeResult } from '@vhostd/protocol';
import { count, flag, optional, record, text } from '../narrow.js';

/** @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parsePause(value: unknown): PauseResult {
  const fields = record(value, 'pause');
  return {
    siteId: text(fields['siteId'], 'pause.siteId'),
    timeoutMs: count(fields['timeoutMs'], 'pause.timeoutMs'),
    maxCount: count(fields['maxCount'], 'pause.maxCount'),
  };
}

/** @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parseResume(value: unknown): ResumeResult {
  const fields = record(value, 'resume');
  return {
    siteId: text(fields['siteId'], 'resume.siteId'),
    wasPaused: flag(fields['wasPaused'], 'resume.wasPaused'),
    heldCount: count(fields['heldCount'], 'resume.heldCount'),
  };
}

/** @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parseMaintenance(value: unknown): MaintenanceResult {
  const fields = record(value, 'maintenance');
  return {
    siteId: text(fields['siteId'], 'maintenance.siteId'),
    on: flag(fields['on'], 'maintenance.on'),
    ...optional(fields, 'page', 'maintenance', text),
    silentCount: count(fields['silentCount'], 'maintenance.silentCount'),
  };
}
