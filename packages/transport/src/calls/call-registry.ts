// The handlers that a process's user has named, and the way a call takes to one of them.
import type { Socket } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import type { Call } from '@vhostd/protocol';
import type { NativeHandle } from '../node/native-handle.js';
import { unpackSocket } from './socket-passenger.js';

/** What a handler is told besides the params. */
export interface CallContext {
  /** Who calls: `daemon`, `master` or a worker's id; empty where it was not filled in. */
  from: string;
  /**
   * The socket that came along. The handler owns it; nothing is read from it before it is listened to. If the
   * handler fails, it is destroyed.
   */
  socket?: Socket;
}

/** Answers a call: what it returns or resolves with is the result, what it throws the error. Both must be JSON. */
export type CallHandler = (params: unknown, context: CallContext) => unknown;

/** A callback in Node's fashion. */
export type CallCallback<T> = (error: Error | null, result?: T) => void;

/** Named handlers, one a name. */
export class CallRegistry {
  readonly #handlers = new Map<string, CallHandler>();

  /**
   * Sets what answers calls of this name.
   * @throws {VhostError} ERR_CALL_HANDLER when the name has a handler already, or is empty.
   */
  handle(name: string, handler: CallHandler): void {
    if (name === '' || this.#handlers.has(name)) {
      const why = name === '' ? 'a call needs a name' : `calls of '${name}' have a handler already`;
      throw new VhostError('ERR_CALL_HANDLER', why, { info: { name } });
    }
    this.#handlers.set(name, handler);
  }

  /**
   * Runs the handler of a call; `handle`, which came along, is owned here from now on.
   * Rejects with what the handler threw, or a VhostError ERR_CALL_UNKNOWN, ERR_CALL_SOCKET_LOST (the call had a
   * socket that didn't arrive: this process is out of file descriptors).
   */
  async dispatch(call: Call, handle: NativeHandle | undefined): Promise<unknown> {
    const { name, params, from = '', socketHead } = call;
    const handler = this.#handlers.get(name);
    if (handler === undefined) {
      handle?.close();
      throw new VhostError('ERR_CALL_UNKNOWN', `nothing answers calls of '${name}' here`, { info: { name } });
    }
    if (handle === undefined && socketHead !== undefined) {
      throw new VhostError('ERR_CALL_SOCKET_LOST', `the socket of the call '${name}' did not arrive`, {
        info: { name },
      });
    }
    if (handle === undefined) return await handler(params, { from });
    const socket = unpackSocket(handle, socketHead ?? '');
    try {
      return await handler(params, { from, socket });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

/**
 * The promise itself, or nothing when a callback is given, which is then called with its outcome. What the
 * callback throws is an uncaught exception, as with Node's own.
 */
export function withCallback<T>(promise: Promise<T>): Promise<T>;
export function withCallback<T>(
  promise: Promise<T>,
  callback: CallCallback<T> | undefined,
): Promise<T> | undefined;
export function withCallback<T>(promise: Promise<T>, callback?: CallCallback<T>): Promise<T> | undefined {
  if (callback === undefined) return promise;
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  );
  return undefined;
}
