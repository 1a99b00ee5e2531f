// What a caller may say besides a call's name and params.
import type { Socket } from 'node:net';
import type { CallCallback } from './call-registry.js';

/** Options of `callMaster`, `callWorker` and `callDaemon`. */
export interface CallOptions {
  /** How long to wait for the answer, ms. Default: the site's `callTimeout`, elsewhere 30 000. */
  timeoutMs?: number;
  /**
   * A connection that goes along: after the call it is the other process's. It must not be encrypted, nor be read
   * by an HTTP server.
   */
  socket?: Socket;
}

/** Tells options and callback apart: each may be left out. */
export function callArguments(rest: readonly unknown[]): {
  options: CallOptions;
  callback: CallCallback<unknown> | undefined;
} {
  const options =
    rest.find((value): value is CallOptions => typeof value === 'object' && value !== null) ?? {};
  const callback = rest.find((value): value is CallCallback<unknown> => typeof value === 'function');
  return { options, callback };
}
