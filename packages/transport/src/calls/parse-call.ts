// Narrows a call that another process sent.
import { VhostError } from '@vhostd/protocol';
import type { Call } from '@vhostd/protocol';

/**
 * The call in what arrived; fields that no call has are dropped.
 * @throws {VhostError} ERR_CALL_INVALID, which names the field.
 */
export function parseCall(received: unknown): Call {
  if (typeof received !== 'object' || received === null) throw invalid('it is no object');
  const { name, params, timeoutMs, from, workerId, socketHead }: Record<string, unknown> = { ...received };
  if (typeof name !== 'string' || name === '') throw invalid('name is no text');
  return {
    name,
    ...(params === undefined ? {} : { params }),
    ...(timeoutMs === undefined ? {} : { timeoutMs: limit(timeoutMs) }),
    ...(from === undefined ? {} : { from: text('from', from) }),
    ...(workerId === undefined ? {} : { workerId: text('workerId', workerId) }),
    ...(socketHead === undefined ? {} : { socketHead: text('socketHead', socketHead) }),
  };
}

function limit(value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= MAX_TIMER_MS) return value;
  throw invalid(`timeoutMs is no number above 0 and up to ${MAX_TIMER_MS}`);
}

/** The longest that a timer of Node's waits; beyond it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function text(field: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalid(`${field} is no text`);
}

function invalid(what: string): VhostError {
  return new VhostError('ERR_CALL_INVALID', `this is no call: ${what}`, { info: { what } });
}
