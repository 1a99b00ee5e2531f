// What daemon and master say to each other: of each message its params and its result. Without a result it is a
// notification.
import * as z from './zod.js';
import type { Call } from '../messages/call.js';
import type { MessageTypes } from './message-table.js';
import { launchInfo, transferredListener } from './takeover.js';
import { amount, count, pid, wireError } from './values.js';

/** Where to listen; no `ipaddress` means every address of the machine. */
export const listenAddress = z.object({
  ipaddress: z.string().exactOptional(),
  port: count,
  /** A UDP socket, and none of TCP. */
  udp: z.literal(true).exactOptional(),
});
export type ListenAddress = z.infer<typeof listenAddress>;

/** A bound socket of the daemon's. */
export const acquiredListener = z.object({
  key: z.string(),
  address: z.string(),
  port: count,
  /** Who started vhostd has this socket, too: it stays open, and its queue is whole, when vhostd ends. */
  passed: z.literal(true).exactOptional(),
});
export type AcquiredListener = z.infer<typeof acquiredListener>;

/**
 * How a master leaves. `drain`: every site finishes what it has. `now`: without draining. `yield`: as `drain`, and at
 * once it closes its listeners, which another master has.
 */
export const stopMode = z.enum(['drain', 'now', 'yield']);
export type StopMode = z.infer<typeof stopMode>;

/** A request of the control API that the daemon passes on as it came. */
export const controlRequest = z.object({
  /** Names the request in {@link masterToDaemon}.controlProgress and {@link daemonToMaster}.cancelControl. */
  id: count,
  method: z.string(),
  /** Without the version, such as `/sites/shop/pause`. */
  path: z.string(),
  body: z.unknown().optional(),
});
export type ControlRequest = z.infer<typeof controlRequest>;

/**
 * A worker that was forked. Should it outlive its master by more than `limitMs`, the daemon kills it. One with a
 * `stopSignal` does not notice that its master is gone: the daemon sends it to its process group.
 */
export const forkedWorker = z.object({
  pid,
  limitMs: amount,
  stopSignal: z.enum(['SIGINT', 'SIGTERM']).exactOptional(),
});
export type ForkedWorker = z.infer<typeof forkedWorker>;

/** A call between the code of the processes' users; `parseCall` of the transport decodes it. */
const call = z.custom<Call>();

export const masterToDaemon = {
  /**
   * A bound socket for an address, which travels along with the answer; the same address gives the same
   * socket. Port 0 asks for one that the kernel chooses; `key` names it from then on.
   */
  acquireListener: { params: listenAddress, result: acquiredListener },
  /** The master no longer listens there. */
  releaseListener: { params: z.object({ key: z.string() }), result: z.null() },
  /**
   * Every site has been published, or has failed; once more, without failures, when the last one that had failed is
   * published.
   */
  loaded: {
    params: z.object({ failures: z.array(z.object({ siteId: z.string(), error: wireError })) }),
    result: z.null(),
  },
  workerForked: { params: forkedWorker, result: z.null() },
  /** A worker has ended. */
  workerEnded: { params: z.object({ pid }), result: z.null() },
  /** A call of the master's or a worker's own code to handlers of the daemon's own code. */
  call: { params: call, result: z.unknown() },
  /** Keeps a value for the master after this one, under a key; null removes it. */
  saveState: { params: z.object({ key: z.string(), value: z.unknown() }), result: z.null() },
  /** What a master before this one has saved under a key, or null. */
  loadState: { params: z.object({ key: z.string() }), result: z.unknown() },
  /** To a daemon that the master has started: a socket of the dead one's, which travels along. */
  transferListener: { params: transferredListener, result: z.null() },
  /** The master will go away now and the daemon must not start another: the conf can't be had. */
  fatal: { params: z.object({ error: wireError, exitCode: z.int() }), result: z.null() },
  /** How far a {@link ControlRequest} is. */
  controlProgress: { params: z.object({ id: count, value: z.unknown() }), result: z.null() },
};
export type MasterToDaemon = MessageTypes<typeof masterToDaemon>;

export const daemonToMaster = {
  ping: { params: z.null(), result: z.null() },
  /** What the master answers to one request of the control API. */
  control: { params: controlRequest, result: z.unknown() },
  /** Nobody waits for the answer any more. */
  cancelControl: { params: z.object({ id: count }), result: z.null() },
  /** The master leaves; answered at once. */
  stop: { params: z.object({ mode: stopMode }), result: z.null() },
  call: { params: call, result: z.unknown() },
  /**
   * How the master starts another daemon when this one dies. Without it the master stops then. Sent right behind the
   * fork: it waits in the kernel for a master that has not booted when its daemon dies. `restarts`: how many masters
   * there were before.
   */
  allowRespawn: { params: launchInfo.extend({ restarts: count }), result: z.null() },
  /** The daemon leaves in order and none follows it: once the link ends, the master stops. */
  forbidRespawn: { params: z.null(), result: z.null() },
  /** A bound socket, which travels along: what the master listens on if its daemon is dead by then. */
  transferListener: { params: transferredListener, result: z.null() },
  /** Opens no listener until `accept`: another master serves. Sent right behind the fork. */
  hold: { params: z.null(), result: z.null() },
  /** Answered once every listener accepts. */
  accept: { params: z.null(), result: z.null() },
};
export type DaemonToMaster = MessageTypes<typeof daemonToMaster>;
