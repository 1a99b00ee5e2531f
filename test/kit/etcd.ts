// Debian's etcd: one member, or several of one cluster, each with a directory of its own, which it keeps when it is killed.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts } from './free-port.js';
import { until } from './until.js';

/** For a test's options: why it can't be run here, or false. */
export const etcdSkip: string | false =
  spawnSync('etcd', ['--version'], { stdio: 'ignore' }).error === undefined
    ? false
    : 'etcd is not installed: apt-get install etcd-server';

export class Etcd {
  readonly url: string;
  readonly #dir = mkdtempSync(join(tmpdir(), 'vhostd-etcd-'));
  readonly #args: readonly string[];
  /** What it is started by, such as `ip netns exec NAME`. */
  readonly #through: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(member: Member, cluster: string, through: readonly string[]) {
    this.url = member.url;
    this.#through = through;
    this.#args = [
      '--name',
      member.name,
      '--data-dir',
      join(this.#dir, 'data'),
      '--listen-client-urls',
      member.url,
      '--advertise-client-urls',
      member.url,
      '--listen-peer-urls',
      member.peer,
      '--initial-advertise-peer-urls',
      member.peer,
      '--initial-cluster',
      cluster,
      '--initial-cluster-token',
      this.#dir,
    ];
  }

  /** Starts so many, which are one cluster; the end of the test ends them. */
  static async start(
    t: TestContext,
    {
      count = 1,
      address = '127.0.0.1',
      through = [],
    }: { count?: number; address?: string; through?: readonly string[] } = {},
  ): Promise<Etcd[]> {
    const ports = await freePorts(2 * count);
    const members = Array.from({ length: count }, (_, index) => ({
      name: `e${index}`,
      url: `http://${address}:${ports[2 * index]}`,
      peer: `http://${address}:${ports[2 * index + 1]}`,
    }));
    const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const all = members.map((member) => new Etcd(member, cluster, through));
    t.after(async () => {
      for (const one of all) await one.#end();
    });
    for (const one of all) one.start();
    for (const one of all) await one.answers();
    return all;
  }

  start(): void {
    const [program = 'etcd', ...args] = [...this.#through, 'etcd', ...this.#args];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on(
      'data',
      (chunk: Buffer) => (this.#output = (this.#output + String(chunk)).slice(-10_000)),
    );
    this.#child = child;
  }

  /** Resolves when its store takes changes. */
  async answers(): Promise<void> {
    await until(`${this.url} answers`, async () => {
      if (this.#child?.exitCode != null) throw new Error(`etcd has exited: ${this.#output}`);
      const answer = await this.ask('kv/range', { key: 'AA==' }).catch((error: unknown) => String(error));
      return { done: typeof answer === 'object', value: answer };
    });
  }

  /** One request to its gateway, from where the test runs. */
  async ask(path: string, body: object): Promise<unknown> {
    const [program, ...args] = [
      ...this.#through,
      'curl',
      '--silent',
      '--fail',
      '--max-time',
      '5',
      '--data',
      '@-',
      `${this.url}/v3/${path}`,
    ];
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.end(JSON.stringify(body));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`curl ended with ${code}`);
    return JSON.parse(text) as unknown;
  }

  /** All keys below a prefix, their values parsed. */
  async records(prefix: string): Promise<Record<string, Record<string, unknown>>> {
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    const answer = (await this.ask('kv/range', { key: base64(prefix), range_end: base64(end) })) as {
      kvs?: { key: string; value: string }[];
    };
    return Object.fromEntries(
      (answer.kvs ?? []).map(({ key, value }) => [
        text64(key),
        JSON.parse(text64(value)) as Record<string, unknown>,
      ]),
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Its files are gone. */
  empty(): void {
    rmSync(join(this.#dir, 'data'), { recursive: true });
  }

  async #end(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true });
  }
}

interface Member {
  name: string;
  url: string;
  peer: string;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function text64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
