// Puts together what the daemon knows of itself and what the master tells of its sites.
import { performance } from 'node:perf_hooks';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus, MasterStatus } from '@vhostd/protocol';
import { decode, masterStatus } from '@vhostd/protocol/schemas';
import type { MasterSlot } from './master/master-slot.js';
import { VERSION } from './version.js';

/**
 * The status now; without `master`, and with neither listeners nor sites, while no master lives. `startedAtMs` is
 * on the clock of `performance.now()`.
 * @throws {VhostError} ERR_CALL_TIMEOUT when a living master does not answer, ERR_MESSAGE_INVALID.
 */
export async function readDaemonStatus(
  slot: MasterSlot,
  startedAtMs: number,
  stateDir: string | undefined,
): Promise<DaemonStatus> {
  const daemon: DaemonStatus['daemon'] = {
    pid: process.pid,
    version: VERSION,
    node: process.version,
    uptimeMs: Math.round(performance.now() - startedAtMs),
    ...(stateDir === undefined ? {} : { stateDir }),
  };
  const told = await askMaster(slot);
  const { pid } = slot;
  if (told === undefined || pid === undefined) return { daemon, listeners: [], sites: [] };
  const master = { pid, uptimeMs: Math.round(slot.uptimeMs), restarts: slot.restartCount };
  const { pid: _pid, ...ofMaster } = told;
  return { daemon, master, ...ofMaster };
}

async function askMaster(slot: MasterSlot): Promise<MasterStatus | undefined> {
  try {
    const told = await slot.control.request({ method: 'GET', path: '/status', timeoutMs: STATUS_LIMIT_MS });
    return decode(masterStatus, told, 'status');
  } catch (error) {
    if (error instanceof VhostError && NO_MASTER.has(error.code)) return undefined;
    throw error;
  }
}

const STATUS_LIMIT_MS = 5_000;
const NO_MASTER: ReadonlySet<string> = new Set(['ERR_MASTER_NOT_RUNNING', 'ERR_CALL_LOST', 'ERR_LINK_LOST']);
