// A directory for one test: its scripts, its run directory, and the end of every process that was started for it.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readIdentity } from '@vhostd/supervisor';
import { Daemon } from './index.js';
import type { DaemonOptions, DaemonResponse } from './index.js';

/** Serves until it is told to end. */
export const SERVER = `process.on('SIGTERM', () => process.exit()); setInterval(() => {}, 1000);
require('fs').writeFileSync(process.env.READY ?? '/dev/null', 'ready');`;
/** Does not end for SIGTERM. */
export const DEAF = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);
require('fs').writeFileSync(process.env.READY ?? '/dev/null', 'ready');`;

export interface Made {
  daemon: Daemon;
  /** What the response object was told, level and message. */
  log: [level: string, message: string][];
  events: [topic: string, data: unknown][];
  /** Resolves when a script above runs its last line. */
  ready: () => Promise<void>;
}

export class Bench {
  readonly dir: string;
  readonly runDir: string;
  readonly marker: string = randomUUID();

  constructor(t: TestContext) {
    this.dir = mkdtempSync(path.join(tmpdir(), 'vhostd-daemonize-'));
    this.runDir = path.join(this.dir, 'run');
    t.after(async () => {
      for (const pid of this.processes()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it has ended
        }
      }
      await until('no process is left', () => this.processes().length === 0);
      rmSync(this.dir, { recursive: true });
    });
  }

  /** The environment by which the processes of this test are known. */
  env(extra: Record<string, string> = {}): Record<string, string | undefined> {
    return { ...process.env, VHOSTD_TEST_MARKER: this.marker, VHOSTD_DAEMONS_DIR: this.runDir, ...extra };
  }

  write(name: string, text: string): string {
    const file = path.join(this.dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  read(name: string): string {
    const file = path.join(this.dir, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  pidFile(name: string): string {
    return path.join(this.runDir, `${name}.pid`);
  }

  /** A daemon of the script's text. What differs from these options is given. */
  make(text: string, options: DaemonOptions = {}, logs = false, name = 'shop'): Made {
    const script = this.write(`${name}.cjs`, text);
    const readyFile = path.join(this.dir, `${name}.ready`);
    const log: Made['log'] = [];
    const events: Made['events'] = [];
    const note =
      (level: string) =>
      (message: string): void =>
        void log.push([level, message]);
    const resp: DaemonResponse = {
      log: { verb: note('verb'), info: note('info'), warn: note('warn'), err: note('err'), dbg: note('dbg') },
      events: { send: (topic, data) => void events.push([topic, data]) },
    };
    const env = this.env({ READY: readyFile });
    const made = { runDir: this.runDir, minUptimeMs: 0, stopTimeoutMs: 60_000, env, ...options };
    const daemon = new Daemon(name, script, made, logs, resp);
    const ready = async (): Promise<void> => {
      await until('the script is ready', () => existsSync(readyFile));
      rmSync(readyFile);
    };
    return { daemon, log, events, ready };
  }

  /** Runs a CommonJS program that can require this package; gives its output when it has ended. */
  async run(name: string, text: string, extra: Record<string, string> = {}): Promise<Ran> {
    const scope = path.join(this.dir, 'node_modules/@vhostd');
    if (!existsSync(scope)) {
      mkdirSync(scope, { recursive: true });
      symlinkSync(fileURLToPath(new URL('..', import.meta.url)), path.join(scope, 'daemonize'));
    }
    this.write(name, text);
    const child = spawn(process.execPath, ['--no-warnings', name], {
      cwd: this.dir,
      env: this.env(extra),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    const [code, signal]: unknown[] = await once(child, 'close');
    return { pid: child.pid ?? 0, output, code, signal };
  }

  /** Every living process of this test but this one. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid)
      .map(Number)
      .filter((pid) => environmentOf(pid).includes(this.marker) && readIdentity(pid) !== undefined);
  }
}

export interface Ran {
  pid: number;
  output: string;
  code: unknown;
  signal: unknown;
}

/** Asks until it is so; fails after a minute. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`not within a minute: ${what}`);
    await delay(10);
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
