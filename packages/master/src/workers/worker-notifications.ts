// Narrows what a worker notifies its master of: nothing that it sends is trusted.
import type { OtherServer, WireError } from '@vhostd/protocol';

/** A server beside the site's; undefined where what arrived names no place. */
export function parseOtherServer(params: unknown): OtherServer | undefined {
  if (typeof params !== 'object' || params === null) return undefined;
  const { protocol, where, shares } = params as Record<string, unknown>;
  if (typeof where !== 'string') return undefined;
  return {
    protocol: protocol === 'http' ? 'http' : 'tcp',
    where: where.slice(0, 256),
    shares: shares === true,
  };
}

/** Whether it has tried out a Node of this process's version: what another one is like says nothing of this. */
export function tellsTried(params: unknown): boolean {
  return Reflect.get(Object(params), 'triedNode') === process.version;
}

/** Why it wants to leave, in words. */
export function parseLeaveReason(params: unknown): string {
  const closed = typeof params === 'object' && params !== null && Reflect.get(params, 'why') === 'closed';
  return closed ? 'its app closed its server' : 'it was sent SIGTERM';
}

/** Most connections that its server takes; undefined: any number. */
export function parseMaxConnections(params: unknown): number | undefined {
  const count: unknown = Reflect.get(Object(params), 'count');
  return typeof count === 'number' ? count : undefined;
}

/** Why it failed, as far as it says so. */
export function parseFailure(params: unknown): WireError {
  const fallback = { code: 'ERR_WORKER_FAILED', message: 'the worker said that it failed, but not why' };
  if (typeof params !== 'object' || params === null || !('error' in params)) return fallback;
  const { error } = params;
  if (typeof error !== 'object' || error === null) return fallback;
  const { code, message, stack } = error as Record<string, unknown>;
  return {
    // An error without a code of its own was given one for calls.
    code: typeof code === 'string' && code !== 'ERR_CALL_FAILED' ? code : fallback.code,
    message: typeof message === 'string' ? message.slice(0, 4096) : fallback.message,
    ...(typeof stack === 'string' ? { stack: stack.slice(0, 16_384) } : {}),
  };
}
