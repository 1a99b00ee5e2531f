// vhostd under faults: started and reloaded by its command line, as a user does it.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DaemonStatus } from '@vhostd/protocol';
import { freePort } from '@vhostd/test/free-port';
import { printed } from './printed.js';
import { HOST, kill, PROCESS_COUNT } from './system.js';
import type { Fault, RunningSystem, SystemKind } from './system.js';
import { childrenOf, Workspace } from './workspace.js';

const manifest = fileURLToPath(import.meta.resolve('vhostd/package.json'));
const VHOSTD = join(dirname(manifest), 'bin/vhostd.js');

export const vhostdSystem: SystemKind = {
  name: 'vhostd',
  install: async () => {
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    const faults: Fault[] = ['reload', 'worker', 'supervisor', 'daemon'];
    return await Promise.resolve({
      name: 'vhostd',
      version,
      faults,
      start,
      remove: () => Promise.resolve(),
    });
  },
};

async function start(): Promise<RunningSystem> {
  const workspace = await Workspace.create('vhostd');
  try {
    const port = await freePort();
    const conf = workspace.path('vhostd.config.json');
    await writeFile(conf, JSON.stringify(confOf(workspace.directory, port)));
    const runDir = ['--run-dir', workspace.path('run')];
    const vhostd = (...args: string[]): Promise<string> =>
      workspace.run(process.execPath, [VHOSTD, ...args, ...runDir]);
    const daemon = workspace.spawn(process.execPath, [VHOSTD, 'run', '--config', conf, ...runDir]);
    await printed(daemon, /^vhostd ready$/m);
    const status = async (): Promise<DaemonStatus> =>
      JSON.parse(await vhostd('status', '--json')) as DaemonStatus;
    while (readyCount(await status()) < PROCESS_COUNT) await delay(POLL_MS);
    const { master } = await status();
    return {
      port,
      inflict: async (fault) => {
        if (fault === 'reload') await vhostd('reload');
        else if (fault === 'worker') kill(childrenOf(master?.pid ?? 0)[0]);
        else kill(fault === 'daemon' ? daemon.pid : master?.pid);
      },
      stop: workspace.end,
    };
  } catch (error) {
    await workspace.end();
    throw error;
  }
}

function confOf(directory: string, port: number): unknown {
  return {
    log: { level: 'warn' },
    sites: [
      {
        siteId: 'site',
        path: directory,
        workerFile: fileURLToPath(new URL('../processes/hashing-site.js', import.meta.url)),
        cpuLen: PROCESS_COUNT,
        listen: [{ host: HOST, port, ipaddress: '127.0.0.1' }],
      },
    ],
  };
}

function readyCount({ sites }: DaemonStatus): number {
  return sites.flatMap(({ workers }) => workers).filter(({ state }) => state === 'ready').length;
}

const POLL_MS = 100;
