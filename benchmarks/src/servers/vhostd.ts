// vhostd with two sites on one listener: the measured one with two workers, another one beside it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender, Running } from './server.js';
import { startProcess } from './server.js';

/** vhostd with one of its transports, and with what else its sites, and the conf beside them, have. */
export function vhostd(
  handoff: 'pipe' | 'ipc',
  fields: Readonly<Record<string, string>> = {},
  conf: object = {},
): Contender {
  const named = [handoff, ...Object.values(fields), ...Object.keys(conf)].join(', ');
  return { name: `vhostd (${named})`, start: () => start(handoff, fields, conf) };
}

async function start(handoff: string, fields: object, conf: object): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-bench-'));
  const sites = [
    { siteId: 'a', cpuLen: 2 },
    { siteId: 'b', cpuLen: 1 },
  ].map(({ siteId, cpuLen }) => ({
    siteId,
    cpuLen,
    ...fields,
    workerFile: fileURLToPath(new URL('../processes/vhostd-site.js', import.meta.url)),
    path: directory,
    listen: [{ type: 'tcp', host: `${siteId}.test`, port: 0, ipaddress: '127.0.0.1' }],
  }));
  const file = join(directory, 'vhostd.config.json');
  await writeFile(file, JSON.stringify({ handoff, sites, log: { level: 'warn' }, ...conf }));
  const server = await startProcess('vhostd-master', ['--config', file], { BENCH_WORKERS: '3' });
  return {
    ...server,
    hosts: ['a.test', 'b.test'],
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}
