// A worker's side of its master: the link, what the master asks, the connections that it hands off.
import cluster from 'node:cluster';
import { SPARE_WORKER, WORKER_VARIABLE } from '@vhostd/protocol';
import { FrameKind, Peer, UNTRUSTED_LIMITS } from '@vhostd/transport';
import type { MasterToWorker, WorkerIdentity, WorkerToMaster } from '@vhostd/protocol';
import type { Frame, Link, LinkEnd } from '@vhostd/transport';
import { writeWhole } from './node/whole-output.js';
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

  constructor(
    link: Link,
    callTimeoutMs: number,
    { onConnection, onHandBackAnswer, onEnd }: MasterSideOptions,
  ) {
    this.oneWay = link.type === 'pipe';
    this.#link = link;
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
      writeWhole(stream);
    }
    this.peer.start();
  }

  /** The process may end with the link still open, when it has nothing else to do. */
  unref(): void {
    this.#link.unref();
    process.channel?.unref();
  }
}

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
