// nginx under faults: in front of two plain Node processes, with kept-alive upstream connections as
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive asks for them.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { programVersion } from '../measure/machine.js';
import { accepting } from './accepting.js';
import { freePort } from '@vhostd/test/free-port';
import { startProcess } from './server.js';
import type { ServerProcess } from './server.js';
import { kill, PROCESS_COUNT } from './system.js';
import type { RunningSystem, SystemKind } from './system.js';
import { childrenOf, Workspace } from './workspace.js';

export const nginxSystem: SystemKind = {
  name: 'nginx',
  install: async () => {
    const version = await programVersion('nginx', ['-v']);
    if (version === undefined) return { unavailable: 'absent: it is not installed here' };
    const [, number = version] = /nginx\/(\S+)/.exec(version) ?? [];
    return {
      name: 'nginx',
      version: number,
      faults: ['reload', 'worker', 'supervisor', 'front'],
      start,
      remove: () => Promise.resolve(),
    };
  },
};

/** A Node process behind nginx, started again as systemd's `Restart=always` does, after 100 ms. */
class Backend {
  readonly port: number;
  #process: ServerProcess | undefined;
  #stopping = false;

  constructor(port: number) {
    this.port = port;
  }

  async start(): Promise<void> {
    const started = await startProcess('hashing-backend', [String(this.port)]);
    this.#process = started;
    started.child.once('exit', () => void this.#again());
  }

  kill(): void {
    this.#process?.child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#process?.stop();
  }

  async #again(): Promise<void> {
    await delay(RESTART_MS);
    if (this.#stopping) return;
    await this.start();
    // It may have been stopped meanwhile.
    if (this.#stopping) await this.#process?.stop();
  }
}

async function start(): Promise<RunningSystem> {
  const workspace = await Workspace.create('nginx');
  const backends: Backend[] = [];
  const stop = async (): Promise<void> => {
    await workspace.end();
    await Promise.all(backends.map((backend) => backend.stop()));
  };
  try {
    for (let count = 0; count < PROCESS_COUNT; count += 1) {
      const backend = new Backend(await freePort());
      await backend.start();
      backends.push(backend);
    }
    const port = await freePort();
    const file = workspace.path('nginx.conf');
    await writeFile(file, confOf(workspace.directory, port, backends));
    const args = ['-c', file, '-p', workspace.directory, '-e', workspace.path('error.log')];
    await accepting(port, workspace.spawn('nginx', args));
    const master = Number(readFileSync(workspace.path('nginx.pid'), 'utf8'));
    return {
      port,
      inflict: async (fault) => {
        if (fault === 'reload') await reload(master);
        else if (fault === 'worker') backends[0]?.kill();
        else kill(fault === 'front' ? childrenOf(master)[0] : master);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What `nginx -s reload` sends; over when as many new workers run as there are. */
async function reload(master: number): Promise<void> {
  const old = new Set(childrenOf(master));
  process.kill(master, 'SIGHUP');
  while (childrenOf(master).filter((pid) => !old.has(pid)).length < PROCESS_COUNT) await delay(POLL_MS);
}

function confOf(directory: string, port: number, backends: readonly Backend[]): string {
  const servers = backends.map((backend) => `server 127.0.0.1:${backend.port};`).join(' ');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
worker_processes ${PROCESS_COUNT};
pid ${directory}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  # Of its own accord it would end a connection after 1000 requests.
  keepalive_requests 1000000;
  # Requests of 16 KB need no file.
  client_body_buffer_size 32k;
  ${paths.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  upstream site { ${servers} keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://site;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }
}
`;
}

/** systemd's default RestartSec, ms. */
const RESTART_MS = 100;
const POLL_MS = 20;
