// A container with a systemd of its own, in which a unit can be tried: systemd-nspawn, as root. Of this machine it sees
// /usr and what is bound into it, read-only; it shares the network, so that the test's clients reach what runs in it.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { commandOf } from '../../kit/processes.js';
import { until, within } from '../../kit/until.js';

const execFileDone = promisify(execFile);

/** Why there can be none here; undefined if there can. */
export function whyNoMachine(): string | undefined {
  if (process.env['VHOSTD_TEST_SYSTEMD'] !== '1') return 'only with VHOSTD_TEST_SYSTEMD=1';
  if (process.getuid?.() !== 0) return 'only as root';
  return existsSync('/usr/bin/systemd-nspawn') ? undefined : 'there is no systemd-nspawn';
}

export class Machine {
  readonly #nspawn: ChildProcess;
  readonly #ended: Promise<unknown>;
  #init = 0;

  private constructor(nspawn: ChildProcess) {
    this.#nspawn = nspawn;
    this.#ended = once(nspawn, 'exit');
  }

  /**
   * Boots one. `files`: paths of this machine by their paths within; `kept`: such directories that can be written, and are
   * as they were for the next one that is given them.
   */
  static async boot(files: Record<string, string>, kept: Record<string, string> = {}): Promise<Machine> {
    const binds = Object.entries(files).map(([inside, outside]) => `--bind-ro=${outside}:${inside}`);
    for (const [inside, outside] of Object.entries(kept)) binds.push(`--bind=${outside}:${inside}`);
    const options = ['--quiet', '--directory=/', '--volatile=yes', '--boot', '--register=no', '--keep-unit'];
    const masked = ['firstboot', 'networkd'].map((name) => `systemd.mask=systemd-${name}.service`);
    const name = `--machine=vhostd-${randomUUID().slice(0, 8)}`;
    const machine = new Machine(
      spawn('systemd-nspawn', [...options, name, ...binds, ...masked], { stdio: 'ignore' }),
    );
    try {
      await machine.#booted();
    } catch (error) {
      await machine.end();
      throw error;
    }
    return machine;
  }

  /** Runs a program within and returns what it printed. Rejects unless it exits with 0. */
  async run(file: string, ...args: string[]): Promise<string> {
    const { stdout } = await execFileDone('nsenter', ['-t', String(this.#init), '-a', file, ...args], {
      env: { PATH: '/usr/sbin:/usr/bin' },
    });
    return stdout;
  }

  /** Properties of a unit as systemd has them. */
  async unit<Name extends string>(name: string, ...properties: Name[]): Promise<Record<Name, string>> {
    const lines = (await this.run('systemctl', 'show', name, '-p', properties.join())).trim().split('\n');
    const values = new Map(
      lines.map((line): [string, string] => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    );
    const entries = properties.map((property) => [property, values.get(property) ?? '']);
    return Object.fromEntries(entries) as Record<Name, string>;
  }

  get hasEnded(): boolean {
    return this.#nspawn.exitCode !== null || this.#nspawn.signalCode !== null;
  }

  async end(): Promise<void> {
    if (this.hasEnded) return;
    // To nspawn: an orderly end, and at the second time one at once.
    this.#nspawn.kill('SIGTERM');
    try {
      await within('the machine is off', END_LIMIT_MS, this.#ended);
    } catch {
      this.#nspawn.kill('SIGKILL');
      await this.#ended;
    }
  }

  async #booted(): Promise<void> {
    this.#init = await until('its first process runs', () => {
      const { exitCode, pid } = this.#nspawn;
      if (exitCode !== null) throw new Error(`systemd-nspawn exited with code ${exitCode}`);
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
      const init = Number(children.trim().split(' ')[0]);
      // What nspawn forks first ends at once.
      return { done: commandOf(init).startsWith('/usr/lib/systemd/systemd'), value: init };
    });
    await until('it has booted', async () => {
      // It exits with another code than 0 as long as not all is well, and before there is anybody to ask.
      const state = await this.run('sh', '-c', 'systemctl is-system-running 2>&1 || true').catch(String);
      return { done: ['running', 'degraded'].includes(state.trim()), value: state };
    });
  }
}

const END_LIMIT_MS = 30_000;
