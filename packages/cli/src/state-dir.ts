// Which state directory is meant: that of a running daemon, unless another one is named.
import path from 'node:path';
import { resolveStateDir } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { ClientOptions } from './commands/options.js';
import { clientOf } from './commands/options.js';

export interface StateDirOptions extends ClientOptions {
  stateDir?: string;
}

/** Absolute. */
export function stateDirOf(options: StateDirOptions, status: DaemonStatus | undefined): string {
  return path.resolve(options.stateDir ?? status?.daemon.stateDir ?? resolveStateDir(options));
}

/** Undefined where none runs. @throws {VhostError} ERR_DAEMON_SEVERAL. */
export async function statusIfRunning(options: ClientOptions): Promise<DaemonStatus | undefined> {
  try {
    return await clientOf(options).status();
  } catch (error) {
    // Otherwise what was written can be read, whatever is the matter with the daemon.
    if (error instanceof VhostError && error.code === 'ERR_DAEMON_SEVERAL') throw error;
    return undefined;
  }
}
