// A proxy in front of plain Node processes, by virtual host: what all of them have in common.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@vhostd/test/free-port';
import { programVersion } from '../measure/machine.js';
import { accepting } from './accepting.js';
import { mustEnd } from './endings.js';
import type { Identity } from './identity.js';
import type { Contender, Running } from './server.js';
import { startProcess } from './server.js';

/** What a proxy's conf is made of. */
export interface ProxyPlan {
  /** One of its own, that is removed with it. */
  readonly directory: string;
  readonly port: number;
  /** The ports of the Node processes of each host. */
  readonly backends: ReadonlyMap<string, readonly number[]>;
  /** It ends TLS, and speaks HTTP/2 beside HTTP/1.1. */
  readonly identity?: Identity | undefined;
}

/** A program that is a proxy. */
export interface Proxy {
  readonly name: string;
  readonly program: string;
  /** Arguments by which it tells its version. */
  readonly version: readonly string[];
  /** The file of its conf, whose name is `conf` in the plan's directory, and others beside it by name. */
  readonly files: (
    plan: ProxyPlan,
  ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** Arguments with which it stays in the foreground. */
  readonly args: (directory: string) => readonly string[];
}

/** It in front of two processes for the measured host, and one of another beside it. */
export function behind(proxy: Proxy, identity?: Identity): Contender {
  return {
    name: proxy.name,
    start: async () => {
      if ((await programVersion(proxy.program, proxy.version)) === undefined)
        return { unavailable: `${proxy.program} is not installed` };
      return await start(proxy, identity);
    },
  };
}

async function start(proxy: Proxy, identity: Identity | undefined): Promise<Running> {
  const backends = await Promise.all(
    ['a.test', 'a.test', 'b.test'].map(async (host) => ({
      host,
      server: await startProcess('plain-server', [host]),
    })),
  );
  const directory = await mkdtemp(join(tmpdir(), `vhostd-bench-${proxy.name.toLowerCase()}-`));
  const port = await freePort();
  const plan = {
    directory,
    port,
    identity,
    backends: new Map(
      ['a.test', 'b.test'].map((host) => [
        host,
        backends.filter((backend) => backend.host === host).map(({ server }) => server.port),
      ]),
    ),
  };
  for (const [name, text] of Object.entries(await proxy.files(plan)))
    await writeFile(join(directory, name), text, { mode: 0o600 });
  const child = spawn(proxy.program, [...proxy.args(directory)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-OUTPUT_CHARS);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = mustEnd(async () => {
    child.kill('SIGTERM');
    await exited;
    await Promise.all(backends.map(({ server }) => server.stop()));
    await rm(directory, { recursive: true });
  });
  try {
    await accepting(port, child);
  } catch (error) {
    throw new Error(`${proxy.name} said:\n${said}`, { cause: error });
  }
  return {
    port,
    hosts: ['a.test', 'b.test'],
    secure: identity !== undefined,
    pid: child.pid ?? 0,
    workerPids: backends.map(({ server }) => server.pid),
    collectGarbage: async () => undefined,
    stop: end,
  };
}

/** How much of what it says is kept for an error. */
const OUTPUT_CHARS = 4000;
