// The workers of vhostd on this machine, as /proc tells: nothing is asked or changed.
import { readdirSync, readFileSync } from 'node:fs';
import { WORKER_VARIABLE } from '@vhostd/protocol';
import { readProcess } from '@vhostd/supervisor';

/** A worker that lives. */
export interface FoundWorker {
  readonly pid: number;
  /** `shop/3`. */
  readonly workerId: string;
  /** No master has it: its own has ended. */
  readonly isOrphan: boolean;
}

/** Those whose environment this user may read: its own, and for root everybody's. */
export function findWorkers(): FoundWorker[] {
  const workers = new Map<number, string>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/u.test(each))) {
    const workerId = workerIdOf(variableOf(name, WORKER_VARIABLE));
    if (workerId !== undefined) workers.set(Number(name), workerId);
  }
  return [...workers].flatMap(([pid, workerId]): FoundWorker[] => {
    const found = readProcess(pid);
    // A program that a worker has started may have its environment.
    if (found === undefined || found.isZombie || workers.get(found.parentPid) === workerId) return [];
    return [{ pid, workerId, isOrphan: !isMaster(found.parentPid) }];
  });
}

/** Of a parent that is left: the process itself, or whoever takes the children of the dead. */
function isMaster(pid: number): boolean {
  if (variableOf(String(pid), 'VHOSTD_MASTER') !== undefined) return true;
  // A program that runs a master of its own.
  return pid !== 1 && (readText(`/proc/${pid}/cmdline`).split('\0')[0] ?? '').endsWith('node');
}

function variableOf(pid: string, name: string): string | undefined {
  const prefix = `${name}=`;
  const variables = readText(`/proc/${pid}/environ`).split('\0');
  return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length);
}

function workerIdOf(text: string | undefined): string | undefined {
  try {
    const identity: unknown = JSON.parse(text ?? 'null');
    const workerId: unknown =
      typeof identity === 'object' && identity !== null && Reflect.get(identity, 'workerId');
    return typeof workerId === 'string' ? workerId : undefined;
  } catch {
    return undefined;
  }
}

/** Empty where it has ended, or is another user's. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
