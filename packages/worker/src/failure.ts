// What a site's code failed with, in words that lead its author to the place.
import { toWireError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';

/** The error as the master tells of it. Of a syntax error the message alone says neither what it is nor where. */
export function describeFailure(thrown: unknown): WireError {
  const wire = toWireError(thrown);
  if (!(thrown instanceof SyntaxError)) return wire;
  // Node puts FILE:LINE above the stack, but not for ES modules.
  const [first = ''] = thrown.stack?.split('\n') ?? [];
  const where = /^\S.*:\d+$/.test(first) ? `${first}: ` : '';
  return { ...wire, message: `${where}SyntaxError: ${wire.message}` };
}
