// A folder with a program in it, and `vhostd watch` that runs it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** A folder that is removed after the test, with all that was started in it. */
export class Workspace {
  readonly cwd: string = realpathSync(mkdtempSync(path.join(tmpdir(), 'vhostd-watch-')));
  readonly #started: Watch[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (const watch of this.#started) await watch.clear();
      rmSync(this.cwd, { recursive: true });
    });
  }

  write(name: string, text: string): void {
    mkdirSync(path.dirname(path.join(this.cwd, name)), { recursive: true });
    writeFileSync(path.join(this.cwd, name), text);
  }

  watch(...args: string[]): Watch {
    const watch = new Watch(this.cwd, ['--delay', '50ms', ...args]);
    this.#started.push(watch);
    return watch;
  }
}

/** A `vhostd watch` that runs. */
export class Watch {
  readonly process: ChildProcess;
  /** The exit code; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Standard output and standard error, as they came. */
  output = '';
  #read = 0;
  #hasClosed = false;

  constructor(cwd: string, args: string[]) {
    this.process = spawn(process.execPath, [CHILD, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.process.emit('said');
      });
    }
    this.process.stdin?.on('error', () => undefined);
    this.ended = once(this.process, 'close').then(([code]: unknown[]) => {
      this.#hasClosed = true;
      this.process.emit('said');
      return typeof code === 'number' ? code : null;
    });
  }

  /** Waits for it in the output, behind what was waited for before; returns the match. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output.slice(this.#read));
      if (match !== null) {
        this.#read += match.index + match[0].length;
        return match;
      }
      if (this.#hasClosed) throw new Error(`it ended without saying ${String(pattern)}:\n${this.output}`);
      await once(this.process, 'said');
    }
  }

  /** The pid that the program has printed as `pid N`. */
  async pid(): Promise<number> {
    return Number((await this.says(/pid (\d+)/))[1]);
  }

  type(text: string): void {
    this.process.stdin?.write(text);
  }

  /** Asks it to end until it does: the second time it kills. */
  async clear(): Promise<void> {
    while (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      await Promise.race([this.ended, setTimeout(150)]);
    }
    await this.ended;
  }
}

/** Resolves when there is no process of that pid any more. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setTimeout(10);
  }
}

const CHILD = fileURLToPath(new URL('./run.test.child.js', import.meta.url));
