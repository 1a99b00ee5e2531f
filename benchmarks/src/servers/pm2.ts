// PM2, installed into a directory of its own, and an app under it; as a contender the same site in cluster mode.
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '@vhostd/test/free-port';
import type { Identity } from './identity.js';
import type { Contender, Running } from './server.js';
import { PROCESS_COUNT } from './system.js';
import { childrenOf, Workspace } from './workspace.js';

/** An installed PM2. */
export interface Pm2 {
  /** Its command line. */
  readonly program: string;
  readonly version: string;
  readonly remove: () => Promise<void>;
}

/** Its newest release 7, by npm. */
export async function installPm2(): Promise<Pm2 | { unavailable: string }> {
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
  return { program: `${installed}/bin/pm2`, version, remove: workspace.end };
}

/** A daemon of PM2 with one app, which has said that it is ready. */
export interface RunningPm2 {
  /** Runs its command line. */
  readonly pm2: (...args: string[]) => Promise<string>;
  readonly godPid: number;
  readonly end: () => Promise<void>;
}

export async function runPm2(program: string, app: Record<string, unknown>): Promise<RunningPm2> {
  const workspace = await Workspace.create('pm2-home');
  try {
    const home = workspace.path('home');
    await mkdir(home);
    const file = workspace.path('ecosystem.config.json');
    await writeFile(file, JSON.stringify({ apps: [app] }));
    const pm2 = (...args: string[]): Promise<string> =>
      workspace.run(process.execPath, [program, ...args], {
        env: { PM2_HOME: home },
        limitMs: COMMAND_LIMIT_MS,
      });
    await pm2('start', file);
    return { pm2, godPid: Number(readFileSync(`${home}/pm2.pid`, 'utf8')), end: workspace.end };
  } catch (error) {
    await workspace.end();
    throw error;
  }
}

/** The same site under it in cluster mode; with an identity it speaks TLS itself. */
export function pm2Cluster(
  pm2: Pm2 | { unavailable: string },
  identity?: Identity,
  http2 = false,
): Contender {
  return {
    name: 'PM2',
    start: () => ('unavailable' in pm2 ? Promise.resolve(pm2) : start(pm2.program, identity, http2)),
  };
}

async function start(program: string, identity: Identity | undefined, http2: boolean): Promise<Running> {
  const port = await freePort();
  const keys =
    identity === undefined
      ? {}
      : { BENCH_KEY: identity.key, BENCH_CERT: identity.cert, ...(http2 ? { BENCH_HTTP2: '1' } : {}) };
  const { godPid, end } = await runPm2(program, {
    name: PM2_APP,
    script: fileURLToPath(new URL('../processes/pm2-app.js', import.meta.url)),
    exec_mode: 'cluster',
    instances: PROCESS_COUNT,
    wait_ready: true,
    listen_timeout: 30_000,
    env: { PORT: String(port), BENCH_HOST: 'a.test', ...keys },
  });
  return {
    port,
    hosts: ['a.test'],
    secure: identity !== undefined,
    pid: godPid,
    workerPids: childrenOf(godPid),
    collectGarbage: async () => undefined,
    stop: end,
  };
}

/** The name of the one app. */
export const PM2_APP = 'site';
const NPM_FLAGS = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', '--fetch-retries=1'];
/** Time for some 100 packages, ms. */
const INSTALL_LIMIT_MS = 180_000;
const COMMAND_LIMIT_MS = 60_000;
