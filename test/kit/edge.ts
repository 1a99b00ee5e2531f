// `vhostd edge` and the HAProxy beside it, in a directory of their own: each may be killed and started again.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect } from 'node:net';
import { atEnd } from './at-end.js';
import { COMMAND } from './full-vhostd.js';
import { until } from './until.js';
import { passed } from './vhostd.js';

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;

/** For a test's options: why it can't be run here, or false. */
export const haproxySkip: string | false =
  spawnSync('haproxy', ['-v'], { env: { PATH }, stdio: 'ignore' }).error === undefined
    ? false
    : 'haproxy is not installed: apt-get install haproxy';

/** Where an edge is, and whom it follows. */
export interface EdgePlace {
  endpoints: readonly string[];
  http: readonly string[];
  https: readonly string[];
  user?: string;
  password?: string;
  ca?: string;
  cert?: string;
  key?: string;
  /** What its processes are started by, such as `ip netns exec NAME`. Default: nothing. */
  through?: readonly string[];
}

export class FleetEdge {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'vhostd-edge-'));
  readonly #through: readonly string[];
  #edge: ChildProcess | undefined;
  #haproxy: ChildProcess | undefined;
  #output = '';

  private constructor({ through = [], ...conf }: EdgePlace) {
    this.#through = through;
    writeFileSync(join(this.dir, 'edge.json'), JSON.stringify({ ...conf, dir: this.dir }));
  }

  /** Starts both; the end of the test ends them. */
  static async start(t: TestContext, place: EdgePlace): Promise<FleetEdge> {
    const edge = new FleetEdge(place);
    atEnd(t, async () => {
      for (const child of [edge.#edge, edge.#haproxy]) await end(child, 'SIGTERM');
      if (!passed(t)) t.diagnostic(`output of the edge:\n${edge.#output}`);
      rmSync(edge.dir, { recursive: true });
    });
    edge.startEdge();
    await until('the edge has written a conf', () => {
      if (edge.#edge?.exitCode != null) throw new Error(`the edge has ended: ${edge.#output}`);
      return { done: existsSync(join(edge.dir, 'haproxy.cfg')), value: edge.#output };
    });
    await edge.startHaproxy();
    return edge;
  }

  startEdge(): void {
    this.#edge = this.#spawn([process.execPath, COMMAND, 'edge', '--config', join(this.dir, 'edge.json')]);
  }

  async startHaproxy(): Promise<void> {
    const files = ['-S', join(this.dir, 'master.sock'), '-f', join(this.dir, 'haproxy.cfg')];
    this.#haproxy = this.#spawn(['haproxy', '-W', '-db', ...files]);
    await until('HAProxy answers', async () => {
      if (this.#haproxy?.exitCode != null) throw new Error(`HAProxy has ended: ${this.#output}`);
      const value = await this.ask('show info').catch(() => '');
      return { done: value.includes('Pid:'), value };
    });
  }

  /** To the edge. */
  signalEdge(name: NodeJS.Signals): void {
    this.#edge?.kill(name);
  }

  async killEdge(): Promise<void> {
    await end(this.#edge, 'SIGKILL');
  }

  async stopHaproxy(): Promise<void> {
    await end(this.#haproxy, 'SIGTERM');
  }

  /** What HAProxy answers to a command. */
  async ask(command: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      const socket = connect(join(this.dir, 'admin.sock'));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += String(chunk)));
      socket.on('error', reject);
      socket.on('end', () => resolve(text));
      socket.end(`${command}\n`);
    });
  }

  /** The servers of a backend by name: up, down, drain or maint. */
  async servers(backend: string): Promise<Record<string, string>> {
    const lines = (await this.ask('show servers state').catch(() => '')).split('\n');
    const found = lines.map((line) => line.split(' ')).filter(([, name]) => name === backend);
    return Object.fromEntries(
      found.map(([, , , name = '', , operational, administrative]) => {
        const admin = Number(administrative);
        if ((admin & 0x01) !== 0) return [name, 'maint'];
        if ((admin & 0x08) !== 0) return [name, 'drain'];
        return [name, operational === '0' ? 'down' : 'up'];
      }),
    );
  }

  /** Waits until the servers of a backend are so. */
  async until(backend: string, wanted: Record<string, string>): Promise<void> {
    await until(`${backend} has ${JSON.stringify(wanted)}`, async () => {
      const value = await this.servers(backend);
      return { done: JSON.stringify(sorted(value)) === JSON.stringify(sorted(wanted)), value };
    });
  }

  get output(): string {
    return this.#output;
  }

  #spawn(command: readonly string[]): ChildProcess {
    const [program = '', ...args] = [...this.#through, ...command];
    const child = spawn(program, args, { env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#output = (this.#output + String(chunk)).slice(-50_000)));
    return child;
  }
}

function sorted(all: Record<string, string>): [string, string][] {
  return Object.entries(all).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}
