// Resolves how a daemon starts its master out of what its owner said.
import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  CGROUP_VARIABLE,
  SCREEN_VARIABLE,
  SITES_DIR_VARIABLE,
  STATE_DIR_VARIABLE,
  VhostError,
} from '@vhostd/protocol';
import type { DaemonOptions } from '../daemon-options.js';
import { resolveRunDir } from '../run-dir/run-dir.js';
import { SUPERVISION_DEFAULTS } from '../supervision-defaults.js';
import type { MasterLaunch } from './master-process.js';

/** @throws {VhostError} ERR_DAEMON_MASTER_FILE when no file is named, or it is not there. */
export function resolveMasterLaunch(
  masterFile: string | undefined,
  { stateDir, group }: { readonly stateDir: string | undefined; readonly group: string },
  options: DaemonOptions,
): MasterLaunch {
  const { masterArgs = [], env = {}, execArgv, linkType = 'pipe', supervision = {}, screen } = options;
  if (masterFile === undefined) {
    throw new VhostError('ERR_DAEMON_MASTER_FILE', 'no master file is named: call setMasterFile before run');
  }
  const file = path.resolve(masterFile);
  if (!existsSync(file)) {
    throw new VhostError('ERR_DAEMON_MASTER_FILE', `${file}: there is no such master file`, {
      info: { file },
    });
  }
  return {
    file,
    args: masterArgs,
    env: {
      ...env,
      [SITES_DIR_VARIABLE]: resolveRunDir(options.runDir).sites,
      [CGROUP_VARIABLE]: group,
      ...(stateDir === undefined ? {} : { [STATE_DIR_VARIABLE]: stateDir }),
      ...(screen === undefined || screen === false
        ? {}
        : { [SCREEN_VARIABLE]: screen === true ? '1' : screen }),
    },
    execArgv,
    cwd: process.cwd(),
    linkType,
    bootTimeoutMs: supervision.bootTimeoutMs ?? SUPERVISION_DEFAULTS.bootTimeoutMs,
    heartbeat: supervision.heartbeat ?? SUPERVISION_DEFAULTS.heartbeat,
    stopTimeoutMs: supervision.stopTimeoutMs ?? SUPERVISION_DEFAULTS.stopTimeoutMs,
  };
}
