// A worker's side of its master: the link, what the master asks, the connections that it hands off.
import cluster from 'node:cluster';
import { SPARE_WORKER, VhostError, WORKER_VARIABLE } from '@vhostd/protocol';
import { FrameKind, Peer, UNTRUSTED_LIMITS } from '@vhostd/transport';
import type { Call, MasterToWorker, WorkerIdentity, WorkerToMaster } from '@vhostd/protocol';
import type { Frame, Link, LinkEnd, Passenger } from '@vhostd/transport';
import { waitWhileFull } from './node/whole-output.js';
import { waitAsSpare } from './spare.js';

/** Frames that are connections go one way, messages the other. */
export interface MasterSideOptions {
  onConnection: (frame: Frame) => void;
  onHandBackAnswer: (payload: Buffer) => void;
  /** The master is gone. */
  onEnd: (end: LinkEnd) => void;
}

export class MasterSide {
  readonly peer: Peer<WorkerToMaster, MasterToWorker>;
  /** The master does not read Node's channel. */
  readonly oneWay: boolean;
  readonly #link: Link;
  readonly #callTimeoutMs: number;

  constructor(
    link: Link,
    callTimeoutMs: number,
    { onConnection, onHandBackAnswer, onEnd }: MasterSideOptions,
  ) {
    this.oneWay = link.type === 'pipe';
    this.#link = link;
    this.#callTimeoutMs = callTimeoutMs;
    this.peer = new Peer(link, {
      name: 'the master',
      timeoutMs: callTimeoutMs,
      maxObjectCount: UNTRUSTED_LIMITS.maxObjectCount,
      onFrame: (frame) => {
        if (frame.kind === FrameKind.connection) return onConnection(frame);
        frame.handle?.close();
        if (frame.kind === FrameKind.handBackAnswer) onHandBackAnswer(frame.payload);
      },
      onEnd,
    });
  }

  start(): void {
    // A worker of node:cluster exits as soon as its channel is gone. Ours finishes its requests first.
    cluster.worker?.on('disconnect', () => {
      if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
    });
    // Output of a worker goes to pipes that the master reads; a dead master must not kill the worker.
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', () => undefined);
      waitWhileFull(stream);
    }
    this.peer.start();
  }

  /** Calls a handler of another process; `packed`: a socket goes along. */
  async call(
    to: string,
    name: string,
    params: unknown,
    options: { timeoutMs: number | undefined; packed: { passenger: Passenger; head: string } | undefined },
  ): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? this.#callTimeoutMs;
    const call: Call & { to: string } = { to, name, params, timeoutMs };
    const { peer } = this;
    if (options.packed === undefined) return await peer.request('call', call, { timeoutMs, bulk: true });
    const { head, passenger } = options.packed;
    return await peer.request('call', { ...call, socketHead: head }, { timeoutMs, bulk: true, passenger });
  }

  /**
   * Resolves once these sites are published. The master's limit comes first, so that its answer says which are not.
   * @throws {VhostError} ERR_CALL_INVALID, what the master answers.
   */
  async waitForSites(siteIds: string[], timeoutMs: number | undefined): Promise<void> {
    // Site code need not be typed: a limit that is no number would end the wait at once, as if it had been too long.
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw new VhostError('ERR_CALL_INVALID', 'waitForSites: timeoutMs must be a number of milliseconds');
    }
    const limitMs = Math.min(timeoutMs ?? this.#callTimeoutMs, WAIT_MAX_MS);
    const options = { timeoutMs: limitMs + WAIT_MARGIN_MS, bulk: true };
    await this.peer.request('waitForSites', { siteIds, timeoutMs: limitMs }, options);
  }

  /** The process may end with the link still open, when it has nothing else to do. */
  unref(): void {
    this.#link.unref();
    process.channel?.unref();
  }
}

/** What a wait gets on top of its limit for the master's answer to come, ms. */
const WAIT_MARGIN_MS = 5000;
/** The longest wait: what a timer of Node's takes, ms. */
const WAIT_MAX_MS = 2 ** 31 - 1 - WAIT_MARGIN_MS;

/** Who this worker is, from its environment; `undefined` when no master of ours has forked it. A spare waits here. */
export function readIdentity(): WorkerIdentity | undefined {
  const text = process.env[WORKER_VARIABLE];
  delete process.env[WORKER_VARIABLE];
  if (text === undefined) return undefined;
  if (text !== SPARE_WORKER) return JSON.parse(text) as WorkerIdentity;
  const { identity, variables } = waitAsSpare();
  Object.assign(process.env, variables);
  return identity;
}
