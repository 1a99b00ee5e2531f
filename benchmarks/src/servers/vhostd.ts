// vhostd with two sites on one listener: the measured one with two workers, another one beside it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Identity } from './identity.js';
import type { OlderBuild } from './older-build.js';
import type { Contender, Running } from './server.js';
import { PROCESSES, startProcess } from './server.js';

/** vhostd with one of its transports, and with what else its sites, and the conf beside them, have. */
export function vhostd(
  handoff: 'pipe' | 'ipc',
  fields: Readonly<Record<string, string>> = {},
  conf: object = {},
): Contender {
  const named = [handoff, ...Object.values(fields), ...Object.keys(conf)].join(', ');
  return { name: `vhostd (${named})`, start: () => start(handoff, fields, conf) };
}

/** vhostd over the pipe, whose workers end TLS in front of an http server. */
export function secureVhostd(identity: Identity): Contender {
  return { name: 'vhostd (pipe)', start: () => start('pipe', {}, {}, identity) };
}

/** vhostd over the pipe, as it was at an older commit. */
export function olderVhostd(commit: string, { processes }: OlderBuild): Contender {
  return { name: `vhostd at ${commit}`, start: () => start('pipe', {}, {}, undefined, processes) };
}

async function start(
  handoff: string,
  fields: object,
  conf: object,
  identity?: Identity,
  processes: URL = PROCESSES,
): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-bench-'));
  const sites = [
    { siteId: 'a', cpuLen: 2 },
    { siteId: 'b', cpuLen: 1 },
  ].map(({ siteId, cpuLen }) => ({
    siteId,
    cpuLen,
    ...fields,
    workerFile: fileURLToPath(new URL('vhostd-site.js', processes)),
    path: directory,
    listen: [
      {
        ...(identity === undefined ? { type: 'tcp' } : { type: 'ssl', ...identity }),
        host: `${siteId}.test`,
        port: 0,
        ipaddress: '127.0.0.1',
      },
    ],
  }));
  const file = join(directory, 'vhostd.config.json');
  await writeFile(file, JSON.stringify({ handoff, sites, log: { level: 'warn' }, ...conf }));
  const server = await startProcess('vhostd-master', ['--config', file], { BENCH_WORKERS: '3' }, processes);
  return {
    ...server,
    hosts: ['a.test', 'b.test'],
    secure: identity !== undefined,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}
