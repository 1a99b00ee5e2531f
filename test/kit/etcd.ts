// Debian's etcd: one member, or several of one cluster, each with a directory of its own, which it keeps when it is killed.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from './at-end.js';
import type { SelfSigned } from './certificate.js';
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
  readonly #args: string[];
  /** What it is started by, such as `ip netns exec NAME`. */
  readonly #through: readonly string[];
  /** What a client needs of a member that takes TLS alone. */
  readonly #tls: readonly string[] = [];
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(member: Member, { cluster, through = [], secure }: EtcdPlace & { cluster: string }) {
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
      cluster,
    ];
    if (secure === undefined) return;
    const { cert, key } = this.files;
    writeFileSync(cert, secure.cert);
    writeFileSync(key, secure.key, { mode: 0o600 });
    this.#args.push('--cert-file', cert, '--key-file', key, '--trusted-ca-file', cert, '--client-cert-auth');
    this.#tls = ['--cacert', cert, '--cert', cert, '--key', key];
  }

  /** Starts so many, which are one cluster; the end of the test ends them. */
  static async start(t: TestContext, place: EtcdPlace = {}): Promise<Etcd[]> {
    const { count = 1, address = '127.0.0.1', secure } = place;
    const ports = await freePorts(2 * count);
    const members = Array.from({ length: count }, (_, index) => ({
      name: `e${index}`,
      url:
        secure === undefined
          ? `http://${address}:${ports[2 * index]}`
          : `https://localhost:${ports[2 * index]}`,
      peer: `http://${address}:${ports[2 * index + 1]}`,
    }));
    const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const all = members.map((member) => new Etcd(member, { ...place, cluster }));
    atEnd(t, async () => {
      for (const one of all) await one.#end();
    });
    for (const one of all) one.start();
    for (const one of all) await one.answers();
    return all;
  }

  /** Of its certificate, which is a client's as well, and signs itself. */
  get files(): { cert: string; key: string } {
    return { cert: join(this.#dir, 'cert.pem'), key: join(this.#dir, 'key.pem') };
  }

  /** From now on nobody may do anything without a password, and this user nothing beside these keys. */
  async protect({
    user,
    password,
    prefix,
  }: {
    user: string;
    password: string;
    prefix: string;
  }): Promise<void> {
    const range = { key: base64(prefix), range_end: base64(endOf(prefix)) };
    await this.ask('auth/role/add', { name: user });
    await this.ask('auth/role/grant', { name: user, perm: { permType: 'READWRITE', ...range } });
    await this.ask('auth/role/add', { name: 'root' });
    for (const name of [user, 'root']) {
      await this.ask('auth/user/add', { name, password });
      await this.ask('auth/user/grant', { user: name, role: name });
    }
    await this.ask('auth/enable', {});
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

  /** One request to its gateway. */
  async ask(path: string, body: object): Promise<unknown> {
    const text = await this.#curl(`${this.url}/v3/${path}`, ['--data', '@-'], JSON.stringify(body));
    return JSON.parse(text) as unknown;
  }

  /** All keys below a prefix, and their values. */
  async values(prefix: string): Promise<Record<string, string>> {
    const answer = (await this.ask('kv/range', {
      key: base64(prefix),
      range_end: base64(endOf(prefix)),
    })) as {
      kvs?: { key: string; value: string }[];
    };
    return Object.fromEntries((answer.kvs ?? []).map(({ key, value }) => [text64(key), text64(value)]));
  }

  /** The same, the values parsed. */
  async records(prefix: string): Promise<Record<string, Record<string, unknown>>> {
    const found = Object.entries(await this.values(prefix));
    return Object.fromEntries(
      found.map(([key, value]) => [key, JSON.parse(value) as Record<string, unknown>]),
    );
  }

  /** Where the test's own process reaches it. */
  async put(key: string, value: string): Promise<void> {
    const body = JSON.stringify({ key: base64(key), value: base64(value) });
    const response = await fetch(`${this.url}/v3/kv/put`, { method: 'POST', body });
    if (!response.ok) throw new Error(`${this.url} answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }

  /** Forgets what was before now. */
  async compact(): Promise<void> {
    const { header } = (await this.ask('kv/range', { key: base64('-') })) as { header: { revision: string } };
    await this.ask('kv/compaction', { revision: header.revision, physical: true });
  }

  /** Whether it leads its cluster. */
  async leads(): Promise<boolean> {
    const answer = await this.ask('maintenance/status', {});
    const { header, leader } = answer as { header: { member_id: string }; leader: string };
    return leader === header.member_id;
  }

  /** The value of one of its metrics. */
  async metric(name: string): Promise<number> {
    const line = new RegExp(`^${name} (\\S+)$`, 'm').exec(await this.#curl(`${this.url}/metrics`));
    return Number(line?.[1]);
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

  /** From where it is. */
  async #curl(url: string, options: readonly string[] = [], input = ''): Promise<string> {
    const limit = ['--silent', '--fail', '--max-time', '30'];
    const command = [...this.#through, 'curl', ...limit, ...this.#tls, ...options, url];
    const [program = '', ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.end(input);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`curl ended with ${code}`);
    return text;
  }

  async #end(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true });
  }
}

/** How many members, and where. */
export interface EtcdPlace {
  /** Default 1. */
  count?: number;
  /** Default: 127.0.0.1. */
  address?: string;
  /** What they are started by, such as `nsenter --net=FILE`. Default: nothing. */
  through?: readonly string[];
  /** The certificate of `localhost`: they take TLS alone, and of a client the same certificate. */
  secure?: SelfSigned;
}

interface Member {
  name: string;
  url: string;
  peer: string;
}

/** The first key behind all that begin with a prefix. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function text64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
