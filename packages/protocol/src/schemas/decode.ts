// Checks what another process sent against its schema.
import type * as z from './zod.js';
import { VhostError } from '../errors.js';
import type { ErrorCode } from '../error-codes.js';

/**
 * The value as its schema says; keys that the schema does not know are left out. `what` names the message in the error.
 * @throws {VhostError} `code`, by default ERR_MESSAGE_INVALID; `info.problems` names each place that is wrong.
 */
export function decode<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
  code: ErrorCode = 'ERR_MESSAGE_INVALID',
): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, MAX_PROBLEM_COUNT)
    .map(({ path, message }) => ({ path: pathOf(path), message }));
  const [first] = problems;
  const at = first === undefined || first.path === '' ? what : `${what}.${first.path}`;
  throw new VhostError(code, `invalid message: ${at}: ${first?.message ?? 'wrong'}`, {
    info: { what, problems },
  });
}

/** Such as `sites[0].workers`. */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

const MAX_PROBLEM_COUNT = 10;
