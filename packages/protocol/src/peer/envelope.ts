// The JSON around a message, and the narrowing of what arrives.
import type { WireError } from '../errors.js';

/** One message between two processes. */
export type Envelope =
  | { type: 'request'; id: number; method: string; params: unknown }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: WireError }
  | { type: 'notice'; method: string; params: unknown }
  /** The handle that came with a request is here; its sender may close its own. */
  | { type: 'taken'; id: number };

/** A message as bytes in latin1 text. Throws what JSON.stringify throws. */
export function encodeEnvelope(envelope: Envelope): string {
  return Buffer.from(JSON.stringify(envelope), 'utf8').toString('latin1');
}

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
      return { type, id, error: error as WireError };
    case 'taken':
      return { type, id };
    default:
      return undefined;
  }
}
