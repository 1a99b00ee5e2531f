// vhostd as `vhostd run` starts it, with many sites of which most sleep: those start on demand, the others at once.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '@vhostd/daemon/client';
import { freePort } from '@vhostd/test/free-port';
import { printed } from './printed.js';
import { PROCESSES } from './server.js';
import { Workspace } from './workspace.js';

const VHOSTD = join(dirname(fileURLToPath(import.meta.resolve('vhostd/package.json'))), 'bin/vhostd.js');

/** How many there are. */
export interface Population {
  /** Sites that have no worker until somebody connects. */
  readonly sleepingCount: number;
  /** Sites with {@link WORKERS_EACH} workers each. */
  readonly awakeCount: number;
}

/** A daemon with many sites, all of which are up or asleep. */
export interface ManySites {
  readonly port: number;
  readonly client: DaemonClient;
  readonly daemonPid: number;
  readonly masterPid: number;
  /** From the start of the process until it says that it is ready, ms. */
  readonly bootMs: number;
  stop(): Promise<void>;
}

/** The n-th site that sleeps, from 0 on; its host is its id with `.test` behind it. */
export function sleepingId(index: number): string {
  return `sleeping-${index}`;
}

/** The n-th site that is awake, from 0 on. */
export function awakeId(index: number): string {
  return `awake-${index}`;
}

/** Resolves when every worker that is to run is ready. */
export async function startManySites({ sleepingCount, awakeCount }: Population): Promise<ManySites> {
  const workspace = await Workspace.create('scale');
  try {
    const port = await freePort();
    const conf = workspace.path('vhostd.config.json');
    const site = (siteId: string, cpuLen: number): object => ({
      siteId,
      path: workspace.directory,
      workerFile: fileURLToPath(new URL('vhostd-site.js', PROCESSES)),
      cpuLen,
      listen: [{ host: `${siteId}.test`, port, ipaddress: '127.0.0.1' }],
    });
    const sites = [
      ...Array.from({ length: awakeCount }, (_, index) => site(awakeId(index), WORKERS_EACH)),
      ...Array.from({ length: sleepingCount }, (_, index) => site(sleepingId(index), 0)),
    ];
    await writeFile(conf, JSON.stringify({ log: { level: 'warn' }, sites }));
    const runDir = workspace.path('run');
    const client = new DaemonClient(runDir);
    const startMs = performance.now();
    const daemon = workspace.spawn(process.execPath, [VHOSTD, 'run', '--config', conf, '--run-dir', runDir]);
    await printed(daemon, /^vhostd ready$/m);
    const bootMs = performance.now() - startMs;
    const wanted = awakeCount * WORKERS_EACH;
    let status = await client.status();
    while (readyCount(status) < wanted) {
      await delay(POLL_MS);
      status = await client.status();
    }
    return {
      port,
      client,
      bootMs,
      daemonPid: daemon.pid ?? 0,
      masterPid: status.master?.pid ?? 0,
      stop: workspace.end,
    };
  } catch (error) {
    await workspace.end();
    throw error;
  }
}

function readyCount({ sites }: Awaited<ReturnType<DaemonClient['status']>>): number {
  return sites.flatMap(({ workers }) => workers).filter(({ state }) => state === 'ready').length;
}

/** Workers of a site that is awake. */
export const WORKERS_EACH = 4;
const POLL_MS = 200;
