// `vhostd run` as an operator starts it, in a directory of its own; all its processes bear a mark by which they are
// found, whoever their parent is by then.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DaemonClient } from '@vhostd/daemon';
import type { DaemonStatus } from '@vhostd/protocol';
import { processesWith } from './processes.js';
import { within } from './until.js';

export class Vhostd {
  readonly client: DaemonClient;
  readonly #mark: string;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess, dir: string, mark: string) {
    this.#child = child;
    this.#mark = mark;
    this.client = new DaemonClient(join(dir, 'run'));
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** Starts it with these sites, whose `path` is filled in, and waits until all are published. */
  static async start(t: TestContext, sites: Record<string, unknown>[]): Promise<Vhostd> {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    const mark = `VHOSTD_TEST_MARK=${randomUUID()}`;
    const file = join(dir, 'vhostd.config.json');
    const conf = { log: { level: 'warn' }, sites: sites.map((site) => ({ path: dir, ...site })) };
    writeFileSync(file, JSON.stringify(conf));
    const command = fileURLToPath(new URL('../bin/vhostd.js', import.meta.resolve('vhostd')));
    const child = spawn(
      process.execPath,
      [command, 'run', '--config', file, '--run-dir', join(dir, 'run'), '--log-level', 'info'],
      {
        cwd: dir,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, [MARK_NAME]: mark.slice(MARK_NAME.length + 1) },
      },
    );
    const vhostd = new Vhostd(child, dir, mark);
    t.after(() => {
      for (const pid of vhostd.processes()) process.kill(pid, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
      if (Reflect.get(t, 'passed') === false) t.diagnostic(`output:\n${vhostd.#output}`);
      if (vhostd.#output.includes('MaxListenersExceededWarning'))
        throw new Error(`it leaks listeners:\n${vhostd.#output}`);
    });
    await within('vhostd is ready', START_LIMIT_MS, vhostd.#says('vhostd ready\n'));
    return vhostd;
  }

  /** All that is left of it. */
  processes(): number[] {
    return processesWith(this.#mark);
  }

  /** What it says of itself; undefined when it does not run. */
  async status(): Promise<DaemonStatus | undefined> {
    return await this.client.status().catch(() => undefined);
  }

  #says(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.#output.includes(text)) resolve();
      };
      this.#child.stdout?.on('data', look);
      this.#child.once('exit', () => reject(new Error(`it ended before it said ${text}:\n${this.#output}`)));
    });
  }
}

const MARK_NAME = 'VHOSTD_TEST_MARK';
const START_LIMIT_MS = 60_000;
