// Checks the numbers of an options object, so that a wrong one fails where it is given, not when it is used.
import { VhostError } from '@vhostd/protocol';

/** The longest delay of a Node timer; a longer one would fire after 1 ms (Node doc, `setTimeout`). */
const MAX_DELAY_MS = 2_147_483_647;

/**
 * Returns `value` if it is a number of milliseconds from `min` (default 0) to 2147483647.
 * Throws `ERR_SUPERVISOR_OPTION` otherwise.
 */
export function checkMs(name: string, value: number, min = 0): number {
  return checkRange(name, value, min, MAX_DELAY_MS);
}

/** Returns `value` if it is a whole number from `min` to `max`. Throws `ERR_SUPERVISOR_OPTION` otherwise. */
export function checkCount(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value)) return checkRange(name, value, min, max);
  throw new VhostError('ERR_SUPERVISOR_OPTION', `${name} is ${value}; it must be a whole number`, {
    info: { name, value: String(value), min, max },
  });
}

/** Returns `value` if it lies within `min` and `max`, both included. Throws `ERR_SUPERVISOR_OPTION` otherwise. */
export function checkRange(name: string, value: number, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw new VhostError('ERR_SUPERVISOR_OPTION', `${name} is ${value}; it must be from ${min} to ${max}`, {
    info: { name, value: String(value), min, max },
  });
}
