// PM2 under faults: its newest release 7 in cluster mode, with a graceful start and reload as its documentation asks
// for them: https://pm2.keymetrics.io/docs/usage/signals-clean-restart/.
import { fileURLToPath } from 'node:url';
import { freePort } from '@vhostd/test/free-port';
import { installPm2, PM2_APP, runPm2 } from './pm2.js';
import { kill, PROCESS_COUNT } from './system.js';
import type { RunningSystem, System, SystemKind } from './system.js';
import { childrenOf } from './workspace.js';

export const pm2System: SystemKind = { name: 'PM2', install };

async function install(): Promise<System | { unavailable: string }> {
  const pm2 = await installPm2();
  if ('unavailable' in pm2) return pm2;
  return {
    name: 'PM2',
    version: pm2.version,
    faults: ['reload', 'worker', 'supervisor'],
    start: () => start(pm2.program),
    remove: pm2.remove,
  };
}

async function start(program: string): Promise<RunningSystem> {
  const port = await freePort();
  const { pm2, godPid, end } = await runPm2(program, appOf(port));
  return {
    port,
    inflict: async (fault) => {
      if (fault === 'reload') await pm2('reload', PM2_APP);
      else kill(fault === 'worker' ? childrenOf(godPid)[0] : godPid);
    },
    stop: end,
  };
}

function appOf(port: number): Record<string, unknown> {
  return {
    name: PM2_APP,
    script: fileURLToPath(new URL('../processes/hashing-app.js', import.meta.url)),
    exec_mode: 'cluster',
    instances: PROCESS_COUNT,
    wait_ready: true,
    listen_timeout: 10_000,
    kill_timeout: 3000,
    env: { PORT: String(port) },
  };
}
