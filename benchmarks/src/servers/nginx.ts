// nginx in front of two plain Node processes, by virtual host, with kept-alive upstream connections as
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive asks for them.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programVersion } from '../measure/machine.js';
import { accepting } from './accepting.js';
import { mustEnd } from './endings.js';
import { freePort } from '@vhostd/test/free-port';
import type { Contender, Running } from './server.js';
import { startProcess } from './server.js';

export const nginx: Contender = {
  name: 'nginx',
  start: async () => {
    if ((await programVersion('nginx', ['-v'])) === undefined)
      return { unavailable: 'nginx is not installed' };
    return await start();
  },
};

async function start(): Promise<Running> {
  const backends = await Promise.all(
    ['a.test', 'a.test', 'b.test'].map(async (host) => ({
      host,
      server: await startProcess('plain-server', [host]),
    })),
  );
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-bench-nginx-'));
  const port = await freePort();
  const ports = (host: string): number[] =>
    backends.filter((backend) => backend.host === host).map(({ server }) => server.port);
  const file = join(directory, 'nginx.conf');
  await writeFile(file, conf({ directory, port, a: ports('a.test'), b: ports('b.test') }));
  const child = spawn('nginx', ['-c', file, '-p', directory, '-e', join(directory, 'error.log')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = mustEnd(async () => {
    child.kill('SIGTERM');
    await exited;
    await Promise.all(backends.map(({ server }) => server.stop()));
    await rm(directory, { recursive: true });
  });
  await accepting(port, child);
  return {
    port,
    hosts: ['a.test', 'b.test'],
    pid: child.pid ?? 0,
    workerPids: backends.map(({ server }) => server.pid),
    collectGarbage: async () => undefined,
    stop: end,
  };
}

function conf({
  directory,
  port,
  a,
  b,
}: {
  directory: string;
  port: number;
  a: number[];
  b: number[];
}): string {
  const upstream = (name: string, ports: number[]): string =>
    `upstream ${name} { ${ports.map((at) => `server 127.0.0.1:${at};`).join(' ')} keepalive 64; }`;
  const server = (name: string): string => `server {
    listen 127.0.0.1:${port};
    server_name ${name}.test;
    location / {
      proxy_pass http://${name};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }`;
  return `daemon off;
worker_processes auto;
pid ${directory}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  ${upstream('a', a)}
  ${upstream('b', b)}
  ${server('a')}
  ${server('b')}
}
`;
}
