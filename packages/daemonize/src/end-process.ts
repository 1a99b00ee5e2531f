// Ends one very process: SIGTERM, then SIGKILL after a limit. A stranger with its pid gets no signal.
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import { isAlive, signalIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';

/** How a process ended that was told to. */
export type EndOutcome = 'stopped' | 'killed' | 'gone' | 'stranger';

/**
 * Sends SIGTERM before it returns, and resolves when the process is no more. It need not be a child of this process,
 * so its end is looked for, every 10 to 100 ms.
 *
 * @throws {VhostError} ERR_PROCESS_FORBIDDEN: it is another user's; ERR_DAEMONIZE_STUCK: it is still there 5 s after
 * SIGKILL, because the kernel holds it.
 */
export async function endProcess(identity: ProcessIdentity, stopTimeoutMs: number): Promise<EndOutcome> {
  const sent = signalIdentity(identity, 'SIGTERM');
  if (sent !== 'sent') return sent;
  if (await isGoneWithin(identity, stopTimeoutMs)) return 'stopped';
  if (signalIdentity(identity, 'SIGKILL') !== 'sent') return 'stopped';
  if (await isGoneWithin(identity, REAP_LIMIT_MS)) return 'killed';
  throw new VhostError(
    'ERR_DAEMONIZE_STUCK',
    `process ${identity.pid} is still there ${REAP_LIMIT_MS} ms after SIGKILL; the kernel holds it, for instance in ` +
      `a call to a disk that does not answer`,
    { info: { pid: identity.pid, limitMs: REAP_LIMIT_MS } },
  );
}

async function isGoneWithin(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + limitMs;
  for (let lookMs = FIRST_LOOK_MS; isAlive(identity); lookMs = Math.min(lookMs * 2, LAST_LOOK_MS)) {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(lookMs, Math.ceil(leftMs)));
  }
  return true;
}

const REAP_LIMIT_MS = 5_000;
const FIRST_LOOK_MS = 10;
const LAST_LOOK_MS = 100;
