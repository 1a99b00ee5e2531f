// Narrows what became of a reload, and of loading.
import type { ReloadResult, WireError } from '@vhostd/protocol';
import { count, flag, listOf, optional, record, text } from '../narrow.js';
import type { Reader } from '../narrow.js';

/** @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parseReloadResult(value: unknown): ReloadResult {
  return { sites: listOf(outcome)(record(value, 'reload')['sites'], 'reload.sites') };
}

/** The sites that failed to load. @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parseLoadFailures(value: unknown): { siteId: string; error: WireError }[] {
  return listOf(failure)(record(value, 'loaded')['failures'], 'loaded.failures');
}

/** An error as it travels. */
export const wireError: Reader<WireError> = (value, path) => {
  const fields = record(value, path);
  return {
    code: text(fields['code'], `${path}.code`),
    message: text(fields['message'], `${path}.message`),
    ...optional(fields, 'info', path, record),
    ...optional(fields, 'stack', path, text),
  };
};

const failure: Reader<{ siteId: string; error: WireError }> = (value, path) => {
  const fields = record(value, path);
  return {
    siteId: text(fields['siteId'], `${path}.siteId`),
    error: wireError(fields['error'], `${path}.error`),
  };
};

const outcome: Reader<ReloadResult['sites'][number]> = (value, path) => {
  const fields = record(value, path);
  return {
    siteId: text(fields['siteId'], `${path}.siteId`),
    generation: count(fields['generation'], `${path}.generation`),
    ok: flag(fields['ok'], `${path}.ok`),
    ...optional(fields, 'error', path, wireError),
  };
};
