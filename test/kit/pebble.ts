// Debian's pebble: a certificate authority that speaks ACME, with a name server for which each name is 127.0.0.1.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from './at-end.js';
import { selfSigned } from './certificate.js';
import { freePorts } from './free-port.js';
import { until } from './until.js';

/** For a test's options: why it can't be run here, or false. */
export const pebbleSkip: string | false = ['pebble', 'pebble-challtestsrv'].every(isThere)
  ? false
  : 'pebble is not installed: apt-get install pebble';

/** What the authority looks at, and how it behaves. */
export interface PebbleOptions {
  httpPort: number;
  tlsPort: number;
  env?: Record<string, string>;
  /** Accounts must be bound to this key. */
  eab?: { kid: string; key: string };
  /** How long what it issues is good, s. Default: its own, five years. */
  validityS?: number;
}

export class Pebble {
  /** Its directory, for the conf. */
  readonly directory: string;
  /** What its server is trusted by. */
  readonly ca: string;
  /** Path of its server's key. */
  readonly key: string;
  readonly #dir: string;
  readonly #ports: { api: number; management: number; names: number };
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(
    dir: string,
    ports: { api: number; management: number; names: number },
    env: Record<string, string>,
  ) {
    this.#dir = dir;
    this.#ports = ports;
    this.#env = env;
    this.directory = `https://localhost:${ports.api}/dir`;
    this.ca = join(dir, 'server.pem');
    this.key = join(dir, 'server.key');
  }

  /** Prepares one, which {@link start} starts; the end of the test ends it. */
  static async prepare(
    t: TestContext,
    { httpPort, tlsPort, env = {}, eab, validityS }: PebbleOptions,
  ): Promise<Pebble> {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-pebble-'));
    const [api = 0, management = 0, names = 0, control = 0] = await freePorts(4);
    const { key, cert } = await selfSigned('localhost');
    const made = new Pebble(dir, { api, management, names }, env);
    writeFileSync(made.ca, cert);
    writeFileSync(made.key, key);
    const pebble = {
      listenAddress: `127.0.0.1:${api}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: made.ca,
      privateKey: made.key,
      httpPort,
      tlsPort,
      ocspResponderURL: '',
      ...(validityS === undefined ? {} : { certificateValidityPeriod: validityS }),
      externalAccountBindingRequired: eab !== undefined,
      ...(eab === undefined ? {} : { externalAccountMACKeys: { [eab.kid]: eab.key } }),
    };
    writeFileSync(join(dir, 'pebble.json'), JSON.stringify({ pebble }));
    const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];
    const at = ['-dns01', `127.0.0.1:${names}`, '-management', `127.0.0.1:${control}`];
    const server = spawn('pebble-challtestsrv', [...at, ...off], { stdio: 'ignore' });
    atEnd(t, async () => {
      await made.stop();
      await end(server);
      rmSync(dir, { recursive: true });
    });
    return made;
  }

  /** Begins with nothing: no account is known, its root is another one. */
  async start(): Promise<void> {
    const args = ['-config', join(this.#dir, 'pebble.json'), '-strict'];
    const child = spawn('pebble', [...args, '-dnsserver', `127.0.0.1:${this.#ports.names}`], {
      env: { ...process.env, ...BEHAVIOUR, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#output += String(chunk)));
    this.#child = child;
    await until('pebble answers', async () => {
      if (child.exitCode !== null) throw new Error(`pebble has exited: ${this.#output}`);
      const value = await this.root().catch(() => undefined);
      return { done: value !== undefined, value };
    });
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child);
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** The certificate that what it issues is trusted by. */
  async root(): Promise<string> {
    const request = get(`https://localhost:${this.#ports.management}/roots/0`, {
      agent: new Agent({ rejectUnauthorized: false }),
    });
    const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return text;
  }
}

/** It is quick, refuses some nonces, and remembers which hosts were proved. */
const BEHAVIOUR = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '15', PEBBLE_AUTHZREUSE: '100' };

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function isThere(program: string): boolean {
  return spawnSync(program, ['-version'], { stdio: 'ignore' }).error === undefined;
}
