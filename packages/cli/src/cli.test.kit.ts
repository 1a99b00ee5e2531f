// Runs the `vhostd` command as a shell does, in a directory of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a command that has ended left. */
export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command that runs. */
export interface Running {
  process: ChildProcess;
  /** Resolves when stdout, or stderr, holds the text; rejects with all output when the command ends before. */
  says(text: string, where?: 'stdout' | 'stderr'): Promise<void>;
  ended: Promise<Outcome>;
}

/** A directory with a conf and the code of sites, whose run directory is `run`. */
export class Workspace {
  readonly directory: string = mkdtempSync(path.join(tmpdir(), 'vhostd-cli-'));
  readonly runDir: string = path.join(this.directory, 'run');
  readonly #started: ChildProcess[] = [];

  /** Writes a file, and the directories above it. */
  write(name: string, content: string): string {
    const file = path.join(this.directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  remove(name: string): void {
    rmSync(path.join(this.directory, name));
  }

  /** The port of the first address that the daemon listens on. */
  async port(): Promise<number> {
    const { stdout } = await this.run('status', '--json');
    return (JSON.parse(stdout) as { listeners: { port: number }[] }).listeners[0]?.port ?? 0;
  }

  /** Writes a conf of these sites, whose code is in directories of their names. */
  conf(sites: { siteId: string; port: number }[]): string {
    return this.write(
      'vhostd.config.json',
      JSON.stringify({
        log: { level: 'silent' },
        sites: sites.map(({ siteId, port }) => ({
          siteId,
          path: siteId,
          workerFile: 'server.cjs',
          cpuLen: 1,
          listen: [{ host: `${siteId}.test`, port, ipaddress: '127.0.0.1' }],
        })),
      }),
    );
  }

  /** Starts a command; its run directory is this workspace's unless `args` name another. */
  start(...args: string[]): Running {
    return this.startIn(this.directory, ...args);
  }

  /** {@link start} in another working directory. */
  startIn(cwd: string, ...args: string[]): Running {
    const where = args.includes('--run-dir') || args.length === 0 ? [] : ['--run-dir', this.runDir];
    // What follows `--` is not the command's.
    const end = args.includes('--') ? args.indexOf('--') : args.length;
    return this.#spawn(cwd, args.toSpliced(end, 0, ...where));
  }

  /** Runs a command that is not told its run directory; the default one is in this workspace. */
  runAnywhere(...args: string[]): Promise<Outcome> {
    return this.#spawn(this.directory, args).ended;
  }

  /** {@link start} on a terminal of so many columns; all that it writes is stdout. */
  startOnTerminal(columns: number, ...args: string[]): Running {
    const words = [process.execPath, COMMAND, ...args, '--run-dir', this.runDir];
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const command = `stty cols ${columns}; exec ${quoted}`;
    return this.#spawn(this.directory, ['-qefc', command, '/dev/null'], 'script');
  }

  #spawn(cwd: string, args: readonly string[], program?: string): Running {
    const words = program === undefined ? [COMMAND, ...args] : args;
    const child = spawn(program ?? process.execPath, words, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: this.directory, XDG_RUNTIME_DIR: this.directory },
    });
    this.#started.push(child);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => (output[name] += chunk.toString()));
    }
    const ended = once(child, 'close').then(([code]: unknown[]) => ({
      code: typeof code === 'number' ? code : null,
      stdout: output.stdout,
      // Whether it told what it waits for is a matter of the machine's speed.
      stderr: output.stderr.replace(WAITS, ''),
    }));
    const says = (text: string, name: 'stdout' | 'stderr' = 'stdout'): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output[name].includes(text)) resolve();
        };
        child[name].on('data', look);
        look();
        child.once('close', () =>
          reject(new Error(`ended before it said ${text}: ${JSON.stringify(output)}`)),
        );
      });
    return { process: child, says, ended };
  }

  /** Runs a command to its end. */
  run(...args: string[]): Promise<Outcome> {
    return this.start(...args).ended;
  }

  /** A daemon that is ready. */
  async daemon(...args: string[]): Promise<Running> {
    const daemon = this.start('run', '--config', 'vhostd.config.json', ...args);
    await daemon.says('vhostd ready\n');
    return daemon;
  }

  /** Ends every command that is still there, and removes the directory. */
  async clear(): Promise<void> {
    for (const child of this.#started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      child.kill('SIGTERM');
      await closed;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The code of an app that answers with a text. */
export function appSaying(text: string): string {
  return `require('node:http').createServer((_, r) => r.end(${JSON.stringify(text)})).listen(80)`;
}

/** The body of a site's answer to GET. */
export function get(port: number, host: string, url = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { port, path: url, host: '127.0.0.1', headers: { host }, agent: false },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve(body));
      },
    );
    request.on('error', reject);
  });
}

const COMMAND = fileURLToPath(new URL('../bin/vhostd.js', import.meta.url));

/** Lines on stderr that tell what a command waits for. */
const WAITS = /^vhostd: (?:waits for .*|\S+ does not listen yet; .*\n {2}vhostd .*)\n/gm;
