// Requests, answers and notices over a link, which the peer owns. Every request has a time limit; a link that ends
// rejects all that is pending; what arrives is unknown until its handler has narrowed it.
import { fromWireError, toWireError, VhostError } from '@vhostd/protocol';
import { FrameKind } from '../link/frame.js';
import type { Frame } from '../link/frame.js';
import { DEFAULT_LINK_LIMITS } from '../link/link.js';
import type { Link, LinkEnd } from '../link/link.js';
import type { NativeHandle } from '../node/native-handle.js';
import { countObjects, decodeEnvelope, encodeEnvelope } from './envelope.js';
import type { Envelope } from './envelope.js';
import { PendingCalls } from './pending-calls.js';
import type { Passenger } from './pending-calls.js';

export type { Passenger } from './pending-calls.js';

/** The messages of one direction: the params and the result of each method. */
export type MessageMap = Record<string, { params: unknown; result: unknown }>;

/** Options of one request. */
export interface RequestOptions {
  /**
   * How long to wait for the answer, ms, up to 2^31 - 1, which a longer one counts as; default: the peer's
   * `timeoutMs`. While a request waits it keeps the process alive.
   */
  timeoutMs?: number;
  passenger?: Passenger;
  /**
   * A request that anybody's code may send in any number: it is refused where half as much waits for the peer as may,
   * so that what keeps the processes together still gets through. Default false.
   */
  bulk?: boolean;
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

/** What messages between a process and one that it does not trust may take. */
export const UNTRUSTED_LIMITS: Required<Pick<PeerOptions, 'maxIncomingBytes' | 'maxObjectCount'>> = {
  maxIncomingBytes: 8 << 20,
  maxObjectCount: 100_000,
};

/** Options of a {@link Peer}. */
export interface PeerOptions {
  /** Names the process at the other end in errors: 'the daemon'. */
  name: string;
  /** Default limit of a request, ms. Default 30 000. */
  timeoutMs?: number;
  /**
   * Messages of the peer that may be in work at once. Of more, requests are answered ERR_CALL_TOO_MANY and notices
   * are dropped. Default 1000.
   */
  maxIncomingCount?: number;
  /**
   * Memory that messages in work may take, about, bytes; one message alone may take more. Of more, requests are
   * answered ERR_CALL_TOO_MANY and notices are dropped. Default: no limit.
   */
  maxIncomingBytes?: number;
  /**
   * Objects and arrays in one message, those in its texts included. Of more, a message is not sent
   * (ERR_CALL_TOO_LARGE), and one that comes is a violation. Default: no limit.
   */
  maxObjectCount?: number;
  /**
   * Requests that may wait for the peer at once, or whose passenger it has not taken; more are refused
   * ERR_CALL_TOO_MANY. Default 10 000.
   */
  maxOutgoingCount?: number;
  /**
   * Called when the other end breaks the rules: with bytes that are no frames, an unknown message, or a
   * frame of a kind that nobody takes here. Default: the link is closed.
   */
  onViolation?: (detail: string) => void;
  /** Takes frames of other kinds than `message`, with their handles. Absent: such a frame is a violation. */
  onFrame?: (frame: Frame) => void;
  /** Called once the link has ended; what was pending is rejected by then. */
  onEnd?: (end: LinkEnd) => void;
  /** Called with what the handler of a notice threw, which nobody else hears of, and for an unknown notice. */
  onNoticeError?: (error: unknown, method: string) => void;
}

type OptionalPeerOption = 'onFrame' | 'onEnd' | 'onViolation';
type Handler = (params: unknown, context: RequestContext) => unknown;

/** One end of a conversation: sends `Outgoing`, answers `Incoming`. */
export class Peer<Outgoing extends MessageMap, Incoming extends MessageMap> {
  readonly #link: Link;
  readonly #options: Required<Omit<PeerOptions, OptionalPeerOption>> & Pick<PeerOptions, OptionalPeerOption>;
  readonly #handlers = new Map<string, Handler>();
  readonly #calls = new PendingCalls();
  #lastId = 0;
  #incomingCount = 0;
  #incomingBytes = 0;
  #unansweredCount = 0;
  #onAllAnswered: (() => void)[] = [];
  #ended: Error | undefined;

  constructor(link: Link, options: PeerOptions) {
    this.#link = link;
    this.#options = { ...DEFAULTS, ...options };
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

  /** Whether anything can be sent. */
  get open(): boolean {
    return this.#link.open;
  }

  /** Begins to deliver what the other end has sent and sends. To be called once, when the handlers are set. */
  start(): void {
    this.#link.start({
      onFrame: (frame) => this.#receive(frame),
      onEnd: (end) => this.#end(end),
    });
  }

  /** Ends the link. What the kernel has taken, the other end still reads. */
  close(): void {
    this.#link.close();
  }

  /**
   * Sends a request and resolves with its result.
   * @throws {VhostError} ERR_CALL_TIMEOUT, ERR_CALL_LOST (the link ended), ERR_CALL_QUEUE_FULL (the peer does
   * not read), ERR_CALL_TOO_MANY, ERR_CALL_TOO_LARGE, ERR_CALL_NOT_JSON (the params), ERR_CALL_SOCKET_LOST (the
   * receiver of a handle is out of descriptors), or the error that the peer answered.
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
  async requestWithHandle<M extends keyof Outgoing & string>(
    method: M,
    params: Outgoing[M]['params'],
    options: RequestOptions = {},
  ): Promise<{ value: Outgoing[M]['result']; handle: NativeHandle | undefined }> {
    const { passenger, timeoutMs = this.#options.timeoutMs, bulk = false } = options;
    const id = (this.#lastId += 1);
    let payload: string;
    try {
      this.#checkOpen(method, bulk);
      if (passenger !== undefined && !this.#link.sendsHandles) throw cannotTravel(method);
      payload = this.#encode({ type: 'request', id, method, params }, `'${method}'`);
    } catch (error) {
      passenger?.release();
      throw error;
    }
    const answer = this.#calls.add(id, method, timeoutMs, passenger);
    try {
      const sent = this.#link.send(FrameKind.message, payload, passenger?.handle);
      if (!sent) this.#calls.fail(id, this.#notSent(method));
    } catch (error) {
      this.#calls.fail(id, error instanceof Error ? error : new Error(String(error)));
    }
    return await answer;
  }

  /**
   * Sends a notice, which has no answer. False when it could not be sent.
   * @throws {VhostError} ERR_CALL_NOT_JSON, ERR_CALL_TOO_LARGE.
   */
  notify<M extends keyof Outgoing & string>(method: M, params: Outgoing[M]['params']): boolean {
    if (this.#ended !== undefined) return false;
    const payload = this.#encode({ type: 'notice', method, params }, `'${method}'`);
    return this.#link.send(FrameKind.message, payload);
  }

  #receive(frame: Frame): void {
    const { kind, payload, handle, handleLost } = frame;
    if (this.#ended !== undefined) return handle?.close();
    if (kind !== FrameKind.message) {
      if (this.#options.onFrame !== undefined) return this.#options.onFrame(frame);
      handle?.close();
      return this.#violation(`a frame of kind ${kind}`);
    }
    const { maxObjectCount } = this.#options;
    const objectCount = countObjects(payload, maxObjectCount);
    if (objectCount > maxObjectCount) {
      handle?.close();
      return this.#violation(`a message with ${objectCount} objects and arrays`);
    }
    const envelope = decodeEnvelope(payload);
    const bytes = payload.length + objectCount * OBJECT_COST_BYTES;
    switch (envelope?.type) {
      case undefined:
        handle?.close();
        return this.#violation('a message that is not one of ours');
      case 'request':
        return void this.#answer(envelope, bytes, handle, handleLost);
      case 'notice':
        handle?.close();
        return void this.#notice(envelope.method, envelope.params, bytes);
      case 'taken':
        handle?.close();
        return this.#calls.taken(envelope.id);
      case 'result':
        if (handleLost) return this.#calls.fail(envelope.id, socketLost('the answer'));
        if (!this.#calls.resolve(envelope.id, { value: envelope.value, handle })) handle?.close();
        return;
      case 'error':
        handle?.close();
        this.#calls.fail(envelope.id, fromWireError(envelope.error));
    }
  }

  /** Resolves once every request that the peer has sent until then is answered. */
  async allAnswered(): Promise<void> {
    if (this.#unansweredCount === 0) return;
    await new Promise<void>((resolve) => this.#onAllAnswered.push(resolve));
  }

  /** Rejects all that is pending and all that is asked from now on with ERR_CALL_LOST. */
  #end(end: LinkEnd): void {
    const error = new VhostError('ERR_LINK_LOST', `${this.#options.name} is gone`);
    this.#ended = error;
    this.#calls.end((method) => lost(method, error));
    if (end.reason === 'violation') this.#violation(end.detail);
    this.#options.onEnd?.(end);
  }

  #violation(detail: string): void {
    if (this.#options.onViolation === undefined) this.#link.close();
    else this.#options.onViolation(detail);
  }

  async #answer(
    request: Extract<Envelope, { type: 'request' }>,
    bytes: number,
    handle: NativeHandle | undefined,
    handleLost: boolean,
  ): Promise<void> {
    const { id, method, params } = request;
    if (handle !== undefined) this.#reply({ type: 'taken', id }, method, undefined);
    let answer: Envelope;
    let along: NativeHandle | undefined;
    this.#unansweredCount += 1;
    try {
      if (handleLost) throw socketLost(`'${method}'`);
      const result = await this.#run(method, params, bytes, handle);
      const withHandle = result instanceof AnswerWithHandle;
      along = withHandle ? result.handle : undefined;
      answer = { type: 'result', id, value: withHandle ? result.value : result };
    } catch (error) {
      answer = { type: 'error', id, error: toWireError(error) };
    }
    if (this.#ended === undefined) this.#reply(answer, method, along);
    this.#unansweredCount -= 1;
    if (this.#unansweredCount === 0) for (const resolve of this.#onAllAnswered.splice(0)) resolve();
  }

  async #notice(method: string, params: unknown, bytes: number): Promise<void> {
    try {
      await this.#run(method, params, bytes, undefined);
    } catch (error) {
      this.#options.onNoticeError(error, method);
    }
  }

  async #run(
    method: string,
    params: unknown,
    bytes: number,
    handle: NativeHandle | undefined,
  ): Promise<unknown> {
    const handler = this.#handlers.get(method);
    const limit = this.#options.maxIncomingCount;
    const refused =
      this.#incomingCount >= limit ||
      (this.#incomingCount > 0 && this.#incomingBytes + bytes > this.#options.maxIncomingBytes);
    if (handler === undefined || refused) handle?.close();
    if (handler === undefined) {
      throw new VhostError('ERR_CALL_UNKNOWN', `nothing answers '${method}' here`, { info: { method } });
    }
    if (refused) {
      const message = `'${method}' was refused: too many calls in work`;
      throw new VhostError('ERR_CALL_TOO_MANY', message, { info: { method, limit } });
    }
    this.#incomingCount += 1;
    this.#incomingBytes += bytes;
    try {
      return await handler(params, { handle });
    } finally {
      this.#incomingCount -= 1;
      this.#incomingBytes -= bytes;
    }
  }

  /** Sends an answer, or why it cannot be sent. */
  #reply(
    answer: Exclude<Envelope, { type: 'notice' }>,
    method: string,
    handle: NativeHandle | undefined,
  ): void {
    try {
      const payload = this.#encode(answer, `the answer to '${method}'`);
      const sent = this.#link.send(FrameKind.message, payload, handle);
      if (!sent && handle !== undefined) throw socketLost(`the answer to '${method}'`);
    } catch (error) {
      const failure: Envelope = { type: 'error', id: answer.id, error: toWireError(error) };
      this.#link.send(FrameKind.message, this.#encode(failure, 'an error'));
    }
  }

  #encode(envelope: Envelope, subject: string): string {
    const { maxObjectCount } = this.#options;
    return encodeEnvelope(envelope, subject, {
      maxBytes: this.#link.maxPayloadBytes,
      maxObjects: maxObjectCount,
    });
  }

  #checkOpen(method: string, bulk: boolean): void {
    if (this.#ended !== undefined) throw lost(method, this.#ended);
    if (bulk && this.#link.queuedBytes > BULK_MAX_QUEUED_BYTES) throw this.#notSent(method);
    const limit = this.#options.maxOutgoingCount / (bulk ? 2 : 1);
    if (this.#calls.count < limit) return;
    const message = `'${method}' was not sent: too many calls wait for an answer`;
    throw new VhostError('ERR_CALL_TOO_MANY', message, { info: { method, limit } });
  }

  #notSent(method: string): VhostError {
    if (!this.#link.open) return lost(method, new Error('the link is closed'));
    const message = `'${method}' was not sent: the other process does not read`;
    const { queuedBytes } = this.#link;
    return new VhostError('ERR_CALL_QUEUE_FULL', message, { info: { method, queuedBytes } });
  }
}

function lost(method: string, cause: Error): VhostError {
  const message = `'${method}' was not answered: ${cause.message}`;
  return new VhostError('ERR_CALL_LOST', message, { info: { method }, cause });
}

function cannotTravel(method: string): VhostError {
  const message =
    `'${method}' was not sent: no socket can travel to the other process here; ` +
    'it takes one where node:ffi (Node 26) or the package koffi can be loaded';
  return new VhostError('ERR_CALL_SOCKET_ROUTE', message, { info: { method } });
}

function socketLost(subject: string): VhostError {
  return new VhostError(
    'ERR_CALL_SOCKET_LOST',
    `the socket of ${subject} did not arrive: no descriptor left`,
  );
}

const DEFAULTS: Omit<Required<PeerOptions>, 'name' | OptionalPeerOption> = {
  timeoutMs: 30_000,
  maxIncomingCount: 1000,
  maxIncomingBytes: Infinity,
  maxObjectCount: Infinity,
  maxOutgoingCount: 10_000,
  onNoticeError: () => undefined,
};

/** What an object or array takes besides its bytes, about. */
const OBJECT_COST_BYTES = 64;

/** Half of what a link lets wait by default, bytes. */
const BULK_MAX_QUEUED_BYTES = DEFAULT_LINK_LIMITS.maxQueuedBytes / 2;
