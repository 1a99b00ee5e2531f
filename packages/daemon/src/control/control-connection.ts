// One client of the control socket: reads requests, runs them, writes progress and answers, all within bounds.
import type { Socket } from 'node:net';
import { VhostError, toWireError } from '@vhostd/protocol';
import { parseRequest, toLine } from './control-message.js';
import type { ControlReply, ControlRequest } from './control-message.js';
import { LineReader } from './line-reader.js';

/** What a handler gets beside its params. */
export interface ControlContext {
  /** Tells the client how far it is. May be dropped when the client does not read; never throws. */
  progress: (value: unknown) => void;
  /** Aborts when the client went away or the server closes. */
  readonly signal: AbortSignal;
}

/** Runs one method. What it resolves with is the result; what it throws is the error. Both must be JSON. */
export type ControlHandler = (params: unknown, context: ControlContext) => Promise<unknown>;

/** Bounds of one connection. */
export interface ControlConnectionLimits {
  maxLineBytes: number;
  maxPendingCount: number;
  idleMs: number;
}

/** Serves one client until it leaves, misbehaves or {@link ControlConnection.end} is called. */
export class ControlConnection {
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #limits: ControlConnectionLimits;
  readonly #find: (method: string) => ControlHandler;
  readonly #reader: LineReader;
  readonly #abort = new AbortController();
  readonly #idle: NodeJS.Timeout;
  #linger: NodeJS.Timeout | undefined;
  #pendingCount = 0;
  #wasAsked = false;
  #ending = false;

  /** @param find gives a method's handler, or throws the error to answer with. */
  constructor(socket: Socket, limits: ControlConnectionLimits, find: (method: string) => ControlHandler) {
    this.#socket = socket;
    this.#limits = limits;
    this.#find = find;
    this.#reader = new LineReader(limits.maxLineBytes);
    this.#idle = setTimeout(() => this.#idleFor(), limits.idleMs);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    socket.on('close', () => {
      clearTimeout(this.#idle);
      clearTimeout(this.#linger);
      this.#abort.abort(new VhostError('ERR_CONTROL_GONE', 'the client of the control socket went away'));
    });
  }

  /**
   * Takes no more requests and aborts what runs; closes when all of it has been answered. Who has not asked for anything
   * yet is told that nothing will be taken.
   */
  end(): void {
    const closing = new VhostError(
      'ERR_CONTROL_CLOSED',
      'the control socket is closing: nothing is taken any more',
    );
    if (!this.#wasAsked && !this.#ending) this.#sendError(null, closing);
    this.#ending = true;
    this.#abort.abort(closing);
    this.#endIfDone();
  }

  /** Closes now, answered or not. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Answers with an error that belongs to no request, and closes. */
  refuse(error: VhostError): void {
    this.#sendError(null, error);
    this.#ending = true;
    this.#endIfDone();
  }

  #read(chunk: Buffer): void {
    if (this.#ending) return;
    for (const line of this.#reader.push(chunk)) {
      const request = parseRequest(line);
      if (request === undefined) {
        this.refuse(
          badRequest('a line is not {"id": string or number, "method": string, "params": any} in JSON'),
        );
        return;
      }
      void this.#run(request);
    }
    if (this.#reader.overflowed)
      this.refuse(badRequest(`a line is longer than ${this.#limits.maxLineBytes} bytes`));
  }

  async #run({ id, method, params }: ControlRequest): Promise<void> {
    this.#pendingCount++;
    this.#wasAsked = true;
    try {
      if (this.#pendingCount > this.#limits.maxPendingCount) {
        throw new VhostError(
          'ERR_CONTROL_BUSY',
          `${this.#limits.maxPendingCount} requests of this client are running already`,
        );
      }
      const result = await this.#find(method)(params, {
        progress: (value) => this.#sendProgress(id, value),
        signal: this.#abort.signal,
      });
      this.#send({ id, result: result ?? null });
    } catch (error) {
      this.#sendError(id, error);
    } finally {
      this.#pendingCount--;
      this.#idle.refresh();
      this.#endIfDone();
    }
  }

  #sendProgress(id: string | number, progress: unknown): void {
    if (this.#socket.writableLength > MAX_UNSENT_PROGRESS_BYTES) return;
    try {
      this.#send({ id, progress: progress ?? null });
    } catch {
      // A progress value that JSON refuses is not worth failing the call for.
    }
  }

  #sendError(id: string | number | null, error: unknown): void {
    const wire = toWireError(error);
    try {
      this.#send({ id, error: wire });
    } catch {
      this.#send({ id, error: { code: wire.code, message: wire.message } });
    }
  }

  /** Throws what JSON refuses; a client that does not read its answers is cut off. */
  #send(reply: ControlReply): void {
    if (!this.#socket.writable) return;
    this.#socket.write(toLine(reply));
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#socket.destroy();
  }

  #endIfDone(): void {
    if (!this.#ending || this.#pendingCount > 0 || this.#socket.writableEnded) return;
    // Closing the reading side as well would let the client's own writing fail before it has read the answer.
    this.#socket.end();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  #idleFor(): void {
    if (this.#pendingCount > 0) return;
    this.#socket.destroy();
  }
}

/** How long a client may take to close its side after the last answer. */
const LINGER_MS = 1_000;
/** Progress is dropped while so much waits for a client that does not read. */
const MAX_UNSENT_PROGRESS_BYTES = 256 * 1024;
/** A client for which more than this waits is cut off. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;

function badRequest(what: string): VhostError {
  return new VhostError('ERR_CONTROL_REQUEST', `the control socket takes one JSON request a line: ${what}`);
}
