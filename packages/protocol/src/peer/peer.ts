// Requests, answers and notices over a link. Every request has a time limit; a link that ends rejects all that
// is pending; what arrives is unknown until its handler has narrowed it.
import { fromWireError, toWireError, VhostError } from '../errors.js';
import { FrameKind } from '../link/frame.js';
import type { Frame } from '../link/frame.js';
import type { Link } from '../link/link.js';
import type { NativeHandle } from '../node/native-handle.js';
import { decodeEnvelope, encodeEnvelope } from './envelope.js';
import type { Envelope } from './envelope.js';

/** The messages of one direction: the params and the result of each method. */
export type MessageMap = Record<string, { params: unknown; result: unknown }>;

/** A handle to send along with a request. */
export interface Passenger {
  handle: NativeHandle;
  /** Called once: the peer has it, or never will. The place to close this end's handle. */
  release: () => void;
}

/** Options of one request. */
export interface RequestOptions {
  /** How long to wait for the answer, ms; default: the peer's `timeoutMs`. */
  timeoutMs?: number;
  passenger?: Passenger;
}

/** What a request's handler is told besides its params. */
export interface RequestContext {
  /** The handle that came along; the handler owns it. */
  handle: NativeHandle | undefined;
}

/** An answer with a handle, which stays the answerer's own. */
export class AnswerWithHandle<T> {
  readonly value: T;
  readonly handle: NativeHandle;
  constructor(value: T, handle: NativeHandle) {
    this.value = value;
    this.handle = handle;
  }
}

/** Options of a {@link Peer}. */
export interface PeerOptions {
  /** Default limit of a request, ms. Default 30 000. */
  timeoutMs?: number;
  /** Requests of the peer that may be in work at once; more are answered ERR_CALL_TOO_MANY. Default 1000. */
  maxIncomingCount?: number;
  /** Requests that may wait for the peer at once; more are refused ERR_CALL_TOO_MANY. Default 10 000. */
  maxOutgoingCount?: number;
  /** Called when the peer sends what is no message. The owner ends the link. */
  onViolation: (detail: string) => void;
}

type Handler = (params: unknown, context: RequestContext) => unknown;

interface Pending {
  method: string;
  resolve: (answer: { value: unknown; handle: NativeHandle | undefined }) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** One end of a conversation: sends `Outgoing`, answers `Incoming`. */
export class Peer<Outgoing extends MessageMap, Incoming extends MessageMap> {
  readonly #link: Link;
  readonly #options: Required<PeerOptions>;
  readonly #handlers = new Map<string, Handler>();
  readonly #pending = new Map<number, Pending>();
  readonly #passengers = new Map<number, Passenger>();
  #lastId = 0;
  #incomingCount = 0;
  #ended: Error | undefined;

  constructor(link: Link, options: PeerOptions) {
    this.#link = link;
    this.#options = { timeoutMs: 30_000, maxIncomingCount: 1000, maxOutgoingCount: 10_000, ...options };
  }

  /** Sets what answers a method: its return value or promise is the result, what it throws the error. */
  handle<M extends keyof Incoming & string>(
    method: M,
    handler: (
      params: unknown,
      context: RequestContext,
    ) =>
      | Incoming[M]['result']
      | AnswerWithHandle<Incoming[M]['result']>
      | Promise<Incoming[M]['result'] | AnswerWithHandle<Incoming[M]['result']>>,
  ): void {
    this.#handlers.set(method, handler);
  }

  /**
   * Sends a request and resolves with its result.
   * @throws {VhostError} ERR_CALL_TIMEOUT, ERR_CALL_LOST (the link ended), ERR_CALL_QUEUE_FULL (the peer does
   * not read), ERR_CALL_TOO_MANY, or the error that the peer answered.
   */
  async request<M extends keyof Outgoing & string>(
    method: M,
    params: Outgoing[M]['params'],
    options: RequestOptions = {},
  ): Promise<Outgoing[M]['result']> {
    const answer = await this.requestWithHandle(method, params, options);
    answer.handle?.close();
    return answer.value;
  }

  /** Like {@link request}, with the handle that came along with the answer. The caller owns it. */
  requestWithHandle<M extends keyof Outgoing & string>(
    method: M,
    params: Outgoing[M]['params'],
    options: RequestOptions = {},
  ): Promise<{ value: Outgoing[M]['result']; handle: NativeHandle | undefined }> {
    return new Promise((resolve, reject) => {
      const refusal = this.#ended ?? this.#overload(method);
      if (refusal !== undefined) {
        options.passenger?.release();
        return reject(refusal);
      }
      const id = (this.#lastId += 1);
      const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(
          new VhostError('ERR_CALL_TIMEOUT', `'${method}' was not answered within ${timeoutMs} ms`, {
            info: { method, timeoutMs },
          }),
        );
      }, timeoutMs);
      this.#pending.set(id, { method, resolve, reject, timer });
      if (options.passenger !== undefined) this.#passengers.set(id, options.passenger);
      const sent = this.#send({ type: 'request', id, method, params }, options.passenger?.handle);
      if (sent) return;
      clearTimeout(timer);
      this.#pending.delete(id);
      this.#release(id);
      reject(
        new VhostError('ERR_CALL_QUEUE_FULL', `'${method}' was not sent: the other process does not read`, {
          info: { method, queuedBytes: this.#link.queuedBytes },
        }),
      );
    });
  }

  /** Sends a notice, which has no answer. False when it could not be sent. */
  notify<M extends keyof Outgoing & string>(method: M, params: Outgoing[M]['params']): boolean {
    return this.#ended === undefined && this.#send({ type: 'notice', method, params }, undefined);
  }

  /** Takes a message frame of the link. */
  receive(frame: Frame): void {
    const envelope = frame.handleLost ? undefined : decodeEnvelope(frame.payload);
    if (envelope === undefined) {
      frame.handle?.close();
      if (!frame.handleLost) this.#options.onViolation('a message that is not one of ours');
      return;
    }
    switch (envelope.type) {
      case 'request':
        void this.#answer(envelope, frame.handle);
        return;
      case 'notice':
        frame.handle?.close();
        void this.#run(envelope.method, envelope.params, undefined).catch(() => undefined);
        return;
      case 'taken':
        frame.handle?.close();
        this.#release(envelope.id);
        return;
      case 'result':
      case 'error':
        this.#settle(envelope, frame.handle);
    }
  }

  /** Rejects all that is pending and all that is asked from now on. */
  end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const id of [...this.#passengers.keys()]) this.#release(id);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(
        new VhostError('ERR_CALL_LOST', `'${pending.method}' was not answered: ${error.message}`, {
          info: { method: pending.method },
          cause: error,
        }),
      );
    }
    this.#pending.clear();
  }

  async #answer(request: Extract<Envelope, { type: 'request' }>, handle: NativeHandle | undefined): Promise<void> {
    const { id, method, params } = request;
    if (handle !== undefined) this.#send({ type: 'taken', id }, undefined);
    if (this.#incomingCount >= this.#options.maxIncomingCount) {
      handle?.close();
      const error = new VhostError('ERR_CALL_TOO_MANY', `'${method}' was refused: too many calls in work`, {
        info: { method, limit: this.#options.maxIncomingCount },
      });
      this.#send({ type: 'error', id, error: toWireError(error) }, undefined);
      return;
    }
    this.#incomingCount += 1;
    let answer: Envelope;
    let along: NativeHandle | undefined;
    try {
      const result = await this.#run(method, params, handle);
      along = result instanceof AnswerWithHandle ? result.handle : undefined;
      answer = { type: 'result', id, value: result instanceof AnswerWithHandle ? result.value : result };
    } catch (error) {
      answer = { type: 'error', id, error: toWireError(error) };
    }
    this.#incomingCount -= 1;
    if (this.#ended === undefined) this.#send(answer, along);
  }

  async #run(method: string, params: unknown, handle: NativeHandle | undefined): Promise<unknown> {
    const handler = this.#handlers.get(method);
    if (handler === undefined) {
      handle?.close();
      throw new VhostError('ERR_CALL_UNKNOWN', `nothing answers '${method}' here`, { info: { method } });
    }
    return await handler(params, { handle });
  }

  #settle(envelope: Extract<Envelope, { type: 'result' | 'error' }>, handle: NativeHandle | undefined): void {
    const pending = this.#pending.get(envelope.id);
    this.#release(envelope.id);
    if (pending === undefined) return void handle?.close(); // The answer came after its time limit.
    this.#pending.delete(envelope.id);
    clearTimeout(pending.timer);
    if (envelope.type === 'result') return pending.resolve({ value: envelope.value, handle });
    handle?.close();
    pending.reject(fromWireError(envelope.error));
  }

  #send(envelope: Envelope, handle: NativeHandle | undefined): boolean {
    let payload: string;
    try {
      payload = encodeEnvelope(envelope);
    } catch (error) {
      // Not JSON (a cycle, a BigInt): an answer becomes an error, a request is refused by its caller.
      if (envelope.type !== 'result') throw error;
      payload = encodeEnvelope({ type: 'error', id: envelope.id, error: toWireError(error) });
    }
    return this.#link.send(FrameKind.message, payload, handle);
  }

  #overload(method: string): VhostError | undefined {
    if (this.#pending.size < this.#options.maxOutgoingCount) return undefined;
    return new VhostError('ERR_CALL_TOO_MANY', `'${method}' was not sent: too many calls wait for an answer`, {
      info: { method, limit: this.#options.maxOutgoingCount },
    });
  }

  #release(id: number): void {
    const passenger = this.#passengers.get(id);
    if (passenger === undefined) return;
    this.#passengers.delete(id);
    passenger.release();
  }
}
