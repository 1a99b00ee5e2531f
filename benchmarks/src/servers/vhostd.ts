// vhostd with two sites on one listener: the measured one, with two workers if not said otherwise, another one beside it; or with the first one
// alone, whose workers accept by themselves.
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
  handoff: 'native' | 'pipe' | 'ipc',
  fields: Readonly<Record<string, string>> = {},
  conf: object = {},
): Contender {
  const named = [handoff, ...Object.values(fields), ...Object.keys(conf)].join(', ');
  return { name: `vhostd (${named})`, start: () => start(handoff, fields, conf) };
}

/** vhostd over the pipe, whose workers end TLS in front of an http server. */
export function secureVhostd(identity: Identity): Contender {
  return { name: 'vhostd (pipe)', start: () => start('pipe', {}, {}, { identity }) };
}

/** The same, whose sites speak HTTP/2 themselves. */
export function http2Vhostd(identity: Identity): Contender {
  return {
    name: 'vhostd (pipe)',
    start: () => start('pipe', {}, {}, { identity, site: 'vhostd-http2-site' }),
  };
}

/** vhostd over the pipe with one worker of the measured site, which ends TLS where there is an identity. */
export function loneVhostd(identity?: Identity): Contender {
  return { name: 'vhostd (pipe)', start: () => start('pipe', {}, {}, { identity, workers: 1 }) };
}

/** vhostd over the pipe, as it was at an older commit. */
export function olderVhostd(commit: string, { processes }: OlderBuild): Contender {
  return { name: `vhostd at ${commit}`, start: () => start('pipe', {}, {}, { processes }) };
}

/** vhostd whose workers accept by themselves, and end TLS where there is an identity. */
export function directVhostd(identity?: Identity): Contender {
  return { name: 'vhostd (direct)', start: () => start('pipe', {}, {}, { identity, direct: true }) };
}

interface StartOptions {
  identity?: Identity | undefined;
  direct?: boolean;
  /** The module of its sites. */
  site?: string;
  /** Of the measured site. */
  workers?: number;
  /** Those of another build. */
  processes?: URL;
}

async function start(
  handoff: string,
  fields: object,
  conf: object,
  { identity, direct = false, workers = 2, processes = PROCESSES, site = 'vhostd-site' }: StartOptions = {},
): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-bench-'));
  const all = [
    { siteId: 'a', cpuLen: workers },
    { siteId: 'b', cpuLen: 1 },
  ];
  const sites = (direct ? all.slice(0, 1) : all).map(({ siteId, cpuLen }) => ({
    siteId,
    cpuLen,
    ...fields,
    workerFile: fileURLToPath(new URL(`${site}.js`, processes)),
    path: directory,
    ...(identity === undefined
      ? {}
      : { workerOptions: { env: { BENCH_KEY: identity.key, BENCH_CERT: identity.cert } } }),
    listen: [
      {
        ...(identity === undefined ? { type: 'tcp' } : { type: 'ssl', ...identity }),
        host: `${siteId}.test`,
        port: 0,
        ipaddress: '127.0.0.1',
        ...(direct ? { accept: 'direct' } : {}),
      },
    ],
  }));
  const file = join(directory, 'vhostd.config.json');
  await writeFile(file, JSON.stringify({ handoff, sites, log: { level: 'warn' }, ...conf }));
  const env = { BENCH_WORKERS: String(sites.reduce((sum, { cpuLen }) => sum + cpuLen, 0)) };
  const server = await startProcess('vhostd-master', ['--config', file], env, processes);
  return {
    ...server,
    hosts: sites.map(({ siteId }) => `${siteId}.test`),
    secure: identity !== undefined,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}
