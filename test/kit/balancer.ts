// nginx or HAProxy in front of a master, each with a conf of its own in a directory of its own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from './at-end.js';
import { freePort } from './free-port.js';

/** What makes a balancer's conf out of the port that it is to listen on. */
export type BalancerConf = (port: number, dir: string) => string;

/** Starts nginx with this conf and resolves with its port; undefined where it is not installed. */
export function startNginx(t: TestContext, conf: BalancerConf): Promise<number | undefined> {
  return start(t, 'nginx', conf, (file, dir) => ['-c', file, '-p', dir, '-e', 'stderr', '-g', 'daemon off;']);
}

/** What a conf of HAProxy has beyond the least: lines of a section, or words behind its server. */
export interface HaproxyConf {
  defaults?: string;
  frontend?: string;
  server?: string;
}

/** Starts HAProxy in front of a port of 127.0.0.1; as {@link startNginx}. */
export function startHaproxy(
  t: TestContext,
  upstream: number,
  { defaults = '', frontend = '', server = '' }: HaproxyConf = {},
): Promise<number | undefined> {
  const conf = (port: number): string => `
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  ${defaults}
frontend in
  bind 127.0.0.1:${port}
  ${frontend}
  default_backend vhostd
backend vhostd
  server one 127.0.0.1:${upstream} ${server}
`;
  return start(t, 'haproxy', conf, (file) => ['-db', '-f', file]);
}

async function start(
  t: TestContext,
  program: string,
  conf: BalancerConf,
  argumentsOf: (file: string, dir: string) => string[],
): Promise<number | undefined> {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;
  const env = { ...process.env, PATH: path };
  if (spawnSync(program, ['-v'], { env, stdio: 'ignore' }).error !== undefined) {
    t.skip(`${program} is not installed: apt-get install ${program}`);
    return undefined;
  }
  const dir = mkdtempSync(join(tmpdir(), `vhostd-${program}-`));
  const file = join(dir, 'balancer.conf');
  const port = await freePort();
  writeFileSync(file, conf(port, dir));
  const child = spawn(program, argumentsOf(file, dir), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += String(chunk)));
  atEnd(t, async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(dir, { recursive: true, force: true });
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${program} has exited: ${output}`);
    await delay(20);
  }
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
