// What a daemon needs to take the place of another one: how it is started, what it is told, which listeners it gets.
import * as z from './zod.js';
import { amount, count, pid } from './values.js';

/** How the program of a daemon is started once more. */
export const launchInfo = z.object({
  /** The Node binary. */
  execPath: z.string(),
  /** The name that the binary was called by, as an absolute path: its links may lead elsewhere by now. */
  argv0: z.string(),
  execArgv: z.array(z.string()),
  /** The program's file, absolute, and its arguments. */
  args: z.array(z.string()),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
  /** The run directory that it is to take. */
  runDir: z.string(),
  linkType: z.enum(['pipe', 'ipc']),
  /** How long it may take until it is the daemon, ms. */
  bootTimeoutMs: amount,
});
export type LaunchInfo = z.infer<typeof launchInfo>;

/** A process that is told from every other one, as in the PID file. */
export const processIdentity = z.object({
  pid,
  /** Clock ticks from the machine's boot; empty where the system does not tell. */
  startTime: z.string(),
  /** The id of that boot; empty where the system does not tell. */
  bootId: z.string(),
});

/** A master whose daemon has died. */
export const orphanedMaster = processIdentity.extend({
  /** How long it has run, ms. */
  uptimeMs: amount,
  /** How many masters there were before it. */
  restarts: count,
});
export type OrphanedMaster = z.infer<typeof orphanedMaster>;

/** What a daemon is told that did not come first. */
export const takeoverInfo = z.discriminatedUnion('role', [
  /** The parent is a master without a daemon: take the run directory, then the master. */
  z.object({ role: z.literal('respawned'), runDir: z.string(), master: orphanedMaster }),
  /** The parent is a daemon that is to be replaced: start a master, and take over when told. */
  z.object({ role: z.literal('candidate'), runDir: z.string(), daemon: processIdentity }),
]);
export type TakeoverInfo = z.infer<typeof takeoverInfo>;

/** A bound socket that changes hands. */
export const transferredListener = z.object({
  key: z.string(),
  address: z.string(),
  port: count,
  /** How many times the sender listens on it. */
  claims: count,
  /** As of an acquired one. */
  passed: z.literal(true).exactOptional(),
});
export type TransferredListener = z.infer<typeof transferredListener>;

/** Sites that do not serve, and why. */
const failedSites = z.array(z.object({ siteId: z.string(), reason: z.string() }));

/** What the master of an upgrade candidate has come to. */
export const candidateReport = z.object({
  pid,
  version: z.string(),
  node: z.string(),
  /** Sites that serve. */
  running: z.array(z.string()),
  failed: failedSites,
});
export type CandidateReport = z.infer<typeof candidateReport>;

/** The outcome of an upgrade. */
export const upgradeResult = z.object({
  /** The new daemon's process. */
  pid,
  version: z.string(),
  /** Its Node's version. */
  node: z.string(),
  /** Sites that do not serve, and did not before. */
  failed: failedSites,
});
export type UpgradeResult = z.infer<typeof upgradeResult>;
