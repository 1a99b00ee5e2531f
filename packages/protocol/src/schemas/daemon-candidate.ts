// What a daemon and the one that is to replace it say to each other.
import * as z from './zod.js';
import type { MessageTypes } from './message-table.js';
import { candidateReport, transferredListener } from './takeover.js';

export const daemonToCandidate = {
  ping: { params: z.null(), result: z.null() },
  /** A bound socket, which travels along. */
  transferListener: { params: transferredListener, result: z.null() },
  /** All sockets are there: starts a master. Answered once its sites are loaded. */
  begin: { params: z.null(), result: candidateReport },
  /** The run directory is free: takes it, and lets the master accept. */
  takeOver: { params: z.null(), result: z.null() },
};
export type DaemonToCandidate = MessageTypes<typeof daemonToCandidate>;

export const candidateToDaemon = {
  /** How far it is, in words. */
  progress: { params: z.object({ what: z.string() }), result: z.null() },
};
export type CandidateToDaemon = MessageTypes<typeof candidateToDaemon>;
