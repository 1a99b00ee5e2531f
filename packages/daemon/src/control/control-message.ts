// The lines of the control socket: one JSON value each, narrowed here from what arrived.
import type { WireError } from '@vhostd/protocol';

/** What a client asks. */
export interface ControlRequest {
  id: string | number;
  method: string;
  params: unknown;
}

/** What the daemon answers: any number of progress lines, then one result or error. `id` null: not a request. */
export type ControlReply =
  | { id: string | number; progress: unknown }
  | { id: string | number; result: unknown }
  | { id: string | number | null; error: WireError };

/** What a client can tell of a line that it received; the error is not trusted yet. */
export type ReceivedReply =
  | { kind: 'progress'; id: unknown; progress: unknown }
  | { kind: 'result'; id: unknown; result: unknown }
  | { kind: 'error'; id: unknown; error: unknown };

/** A request, or undefined if the line is none. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = parseObject(line);
  const id = value?.['id'];
  const method = value?.['method'];
  if (typeof method !== 'string' || (typeof id !== 'string' && typeof id !== 'number')) return undefined;
  return { id, method, params: value?.['params'] };
}

/** A reply, or undefined if the line is none. */
export function parseReply(line: string): ReceivedReply | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  const id = value['id'];
  if ('error' in value) return { kind: 'error', id, error: value['error'] };
  if ('progress' in value) return { kind: 'progress', id, progress: value['progress'] };
  if ('result' in value) return { kind: 'result', id, result: value['result'] };
  return undefined;
}

/** The line of a message. Throws what JSON refuses: a cycle, a BigInt. */
export function toLine(message: ControlRequest | ControlReply): string {
  return `${JSON.stringify(message)}\n`;
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
