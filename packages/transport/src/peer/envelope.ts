// The JSON around a message, and the narrowing of what arrives.
import { VhostError } from '@vhostd/protocol';

/** One message between two processes. */
export type Envelope =
  | { type: 'request'; id: number; method: string; params: unknown }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: unknown }
  | { type: 'notice'; method: string; params: unknown }
  /** The handle that came with a request is here; its sender may close its own. */
  | { type: 'taken'; id: number };

/** How large a message may be. An object takes much more memory than the two bytes that it may have as JSON. */
export interface MessageLimits {
  maxBytes: number;
  /** Objects and arrays, those in its texts included. */
  maxObjects: number;
}

/**
 * A message as bytes in latin1 text. `subject` names it in errors.
 * @throws {VhostError} ERR_CALL_NOT_JSON (a cycle, a BigInt), ERR_CALL_TOO_LARGE.
 */
export function encodeEnvelope(
  envelope: Envelope,
  subject: string,
  { maxBytes, maxObjects }: MessageLimits,
): string {
  let json: string;
  try {
    json = JSON.stringify(envelope);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VhostError('ERR_CALL_NOT_JSON', `${subject} cannot be sent as JSON: ${why}`, { cause: error });
  }
  const encoded = Buffer.from(json, 'utf8');
  const bytes = encoded.length;
  if (bytes <= maxBytes && countObjects(encoded, maxObjects) <= maxObjects) return encoded.toString('latin1');
  if (bytes <= maxBytes) {
    const message = `${subject} holds more than ${maxObjects} objects and arrays`;
    throw new VhostError('ERR_CALL_TOO_LARGE', message, { info: { limit: maxObjects } });
  }
  throw new VhostError('ERR_CALL_TOO_LARGE', `${subject} has ${bytes} bytes, the limit is ${maxBytes}`, {
    info: { bytes, maxBytes },
  });
}

/** How many bytes of these may begin an object or an array; not counted, 0, where there is no limit. */
export function countObjects(payload: Buffer, limit: number): number {
  if (limit === Infinity) return 0;
  let count = 0;
  for (const byte of payload) if (byte === OPENING_BRACE || byte === OPENING_BRACKET) count += 1;
  return count;
}

const OPENING_BRACE = 0x7b;
const OPENING_BRACKET = 0x5b;

/** The message in these bytes, or `undefined` when they are none. */
export function decodeEnvelope(payload: Buffer): Envelope | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { type, id, method, params, value, error } = parsed as Record<string, unknown>;
  if (type === 'notice') return typeof method === 'string' ? { type, method, params } : undefined;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return undefined;
  switch (type) {
    case 'request':
      return typeof method === 'string' ? { type, id, method, params } : undefined;
    case 'result':
      return { type, id, value };
    case 'error':
      return { type, id, error };
    case 'taken':
      return { type, id };
    default:
      return undefined;
  }
}
