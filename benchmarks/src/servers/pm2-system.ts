// PM2 under faults: its newest release 7 in cluster mode, with a graceful start and reload as its documentation asks
// for them: https://pm2.keymetrics.io/docs/usage/signals-clean-restart/.
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '@vhostd/test/free-port';
import { kill, PROCESS_COUNT } from './system.js';
import type { RunningSystem, System, SystemKind } from './system.js';
import { childrenOf, Workspace } from './workspace.js';

export const pm2System: SystemKind = { name: 'PM2', install };

/** Installs it into a directory of its own. */
async function install(): Promise<System | { unavailable: string }> {
  const workspace = await Workspace.create('pm2');
  try {
    await workspace.run('npm', ['install', '--prefix', workspace.directory, ...NPM_FLAGS, 'pm2@7'], {
      limitMs: INSTALL_LIMIT_MS,
    });
  } catch (error) {
    await workspace.end();
    const [, code = ''] = /^npm error code (\S+)/m.exec(String(error)) ?? [];
    return { unavailable: `absent: npm cannot install it here ${code}`.trim() };
  }
  const installed = workspace.path('node_modules/pm2');
  const { version } = JSON.parse(readFileSync(`${installed}/package.json`, 'utf8')) as { version: string };
  return {
    name: 'PM2',
    version,
    faults: ['reload', 'worker', 'supervisor'],
    start: () => start(`${installed}/bin/pm2`),
    remove: workspace.end,
  };
}

async function start(program: string): Promise<RunningSystem> {
  const workspace = await Workspace.create('pm2-home');
  try {
    const port = await freePort();
    const home = workspace.path('home');
    await mkdir(home);
    const file = workspace.path('ecosystem.config.json');
    await writeFile(file, JSON.stringify({ apps: [appOf(port)] }));
    const pm2 = (...args: string[]): Promise<string> =>
      workspace.run(process.execPath, [program, ...args], {
        env: { PM2_HOME: home },
        limitMs: COMMAND_LIMIT_MS,
      });
    await pm2('start', file);
    const god = Number(readFileSync(`${home}/pm2.pid`, 'utf8'));
    return {
      port,
      inflict: async (fault) => {
        if (fault === 'reload') await pm2('reload', APP);
        else kill(fault === 'worker' ? childrenOf(god)[0] : god);
      },
      stop: workspace.end,
    };
  } catch (error) {
    await workspace.end();
    throw error;
  }
}

function appOf(port: number): Record<string, unknown> {
  return {
    name: APP,
    script: fileURLToPath(new URL('../processes/hashing-app.js', import.meta.url)),
    exec_mode: 'cluster',
    instances: PROCESS_COUNT,
    wait_ready: true,
    listen_timeout: 10_000,
    kill_timeout: 3000,
    env: { PORT: String(port) },
  };
}

const APP = 'site';
const NPM_FLAGS = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', '--fetch-retries=1'];
/** Time for some 100 packages, ms. */
const INSTALL_LIMIT_MS = 180_000;
const COMMAND_LIMIT_MS = 60_000;
