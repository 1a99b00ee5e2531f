// Everything at once, for long: clients of all kinds, and every few seconds a fault of any kind. Nobody may be refused,
// get another site's answer or another body; what is lost must be what the fault that was just done may cost; and
// behind it all nothing may be left, nor be more than before. Not a part of the suite: node test/dist/long/mixed.js
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { selfSigned } from '../kit/certificate.js';
import { Load, MIXED } from '../kit/load.js';
import { openEcho, openEvents } from '../kit/long-lived-clients.js';
import type { LongLivedClient } from '../kit/long-lived-clients.js';
import { give, OTHER_USER, otherUserSkip, placesOf } from '../kit/other-user.js';
import { commandOf, descriptorCount, residentBytes } from '../kit/processes.js';
import { Random } from '../kit/random.js';
import { openSecure } from '../kit/secure-client.js';
import { startVhostd, workerPids } from '../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../kit/start-vhostd.js';
import { until, within } from '../kit/until.js';
import { chooseFault, HOSTILE } from './faults.js';
import type { Scene } from './faults.js';
import { Http2Load } from './http2-load.js';
import { Ledger } from './ledger.js';

const MINUTES = Number(process.env['VHOSTD_LONG_MINUTES'] ?? 30);
const LOADED: readonly [string, ...string[]] = ['a', 'b', 's', 'h'];

void test(`${MINUTES} minutes of everything at once`, async (t) => {
  const random = new Random(Random.seed());
  t.diagnostic(`seed ${Random.seed()}`);
  const places = otherUserSkip === false ? logPlaces(t) : undefined;
  const ports = { clear: await freePort(), secure: await freePort() };
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: await sitesOf(ports, places?.theirs),
    wait: false,
  });
  await vhostd.until(
    'the sites serve',
    ({ sites }) => sites.length > 0 && sites.every(({ state }) => state === 'running'),
  );
  const before = await held(vhostd);
  const ledger = new Ledger();
  const clients = new Clients(ledger, ports, random);
  const memory = new Memory(vhostd, (line) => t.diagnostic(line));
  const scene: Scene = { vhostd, ledger, random, port: ports.clear, siteIds: LOADED };
  const broken = await faultsUntil(performance.now() + MINUTES * 60_000, {
    ...scene,
    ...(places === undefined ? {} : { places }),
  });
  await vhostd.until('the sites under load serve', ({ sites }) =>
    sites.every(({ siteId, state }) => HOSTILE.includes(siteId) || state === 'running'),
  );
  await clients.stop();
  memory.stop();
  for (const line of [...clients.toStrings(), String(ledger), String(memory)]) t.diagnostic(line);
  assert.deepEqual(broken, []);
  assert.deepEqual(ledger.unexplained(), []);
  assert.ok(memory.grownMb < GROWN_MAX_MB, String(memory));
  await nothingLeft(vhostd, before);
  if (places !== undefined) assert.deepEqual(readdirSync(places.locked), []);
  await vhostd.stop();
});

/** A log in the directory of the other user, and one that only root may enter. */
function logPlaces(t: TestContext): { theirs: string; locked: string } {
  const { ours, theirs } = placesOf(t);
  const locked = join(ours, 'locked');
  mkdirSync(locked, { mode: 0o700 });
  mkdirSync(join(theirs, 'log'));
  give(join(theirs, 'log'));
  writeFileSync(join(theirs, 'index.js'), PRINTS);
  return { theirs, locked };
}

const PRINTS = `setInterval(() => console.log('printed'), 20);
require('node:http').createServer((_request, response) => response.end()).listen(8080);`;

interface Ports {
  clear: number;
  secure: number;
}

/** One that nobody has just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function sitesOf({ clear, secure }: Ports, theirs: string | undefined): Promise<SiteOptions[]> {
  const ipaddress = '127.0.0.1';
  const inClear = (siteId: string): object => ({
    listen: [{ type: 'tcp', host: `${siteId}.test`, port: clear, ipaddress }],
  });
  const overTls = async (siteId: string): Promise<object> => {
    const host = `${siteId}.test`;
    return { listen: [{ type: 'ssl', host, port: secure, ipaddress, ...(await selfSigned(host)) }] };
  };
  const restart = { intensity: 1000, backoffMin: '10ms', backoffMax: '500ms' };
  const common = { cpuLen: 2, drainTimeout: '20s', parkTimeout: '30s', restart };
  const hostile = { restart, allow: { ports: [clear] } };
  return [
    { siteId: 'a', ...common, ...inClear('a') },
    { siteId: 'b', ...common, ...inClear('b') },
    { siteId: 's', ...common, ...(await overTls('s')) },
    {
      siteId: 'h',
      ...common,
      ...(await overTls('h')),
      workerOptions: { env: { TLS: 'http2' } },
    },
    { siteId: 'x', ...hostile, ...inClear('x'), workerFile: hostileFile('floods') },
    { siteId: 'y', ...hostile, ...inClear('y'), workerFile: hostileFile('descriptors') },
    ...(theirs === undefined
      ? []
      : [
          {
            siteId: 'z',
            ...inClear('z'),
            path: theirs,
            workerFile: 'index.js',
            logOutput: 'log/out.log',
            workerOptions: { uid: OTHER_USER, gid: OTHER_USER },
            restart,
          },
        ]),
  ];
}

function hostileFile(name: string): string {
  return fileURLToPath(new URL(`../process/hostile/${name}.site.js`, import.meta.url));
}

/** All that asks. */
class Clients {
  readonly #ledger: Ledger;
  readonly #loads: { name: string; load: Load }[] = [];
  readonly #http2: Http2Load;
  readonly #longLived: Promise<void>[] = [];
  readonly #open = new Set<LongLivedClient>();
  #stopping = false;
  #steps = 0;

  constructor(ledger: Ledger, { clear: port, secure: securePort }: Ports, random: Random) {
    this.#ledger = ledger;
    const seed = random.integer(0, 1_000_000);
    for (const siteId of ['a', 'b', 's'])
      for (const connections of ['kept', 'fresh'] as const) {
        const secure = siteId === 's';
        const way = `${connections}${secure ? ', TLS' : ''}`;
        const host = `${siteId}.test`;
        const load = new Load({
          port: secure ? securePort : port,
          host,
          connections,
          ...MIXED,
          // Over TLS a client that pipelines may lose the last response of a connection that ends.
          ...(secure ? { pipelineMaxCount: 1 } : {}),
          seed,
          clientCount: connections === 'kept' ? 5 : 3,
          pauseMaxMs: 150,
          lostMaxCount: Infinity,
          ...(secure ? { connect: (to: number) => within('TLS', 60_000, openSecure(to, host)) } : {}),
          onAttempt: (attempt) => ledger.attempted(siteId, way, attempt),
          onClosed: (idleMs) => this.#closed(siteId, way, idleMs),
        });
        this.#loads.push({ name: `${siteId}, ${way}`, load });
      }
    this.#http2 = new Http2Load({
      port: securePort,
      host: 'h.test',
      siteId: 'h',
      clientCount: 3,
      streamCount: 3,
      pauseMaxMs: 150,
      seed,
      onLoss: (loss) => ledger.fail({ siteId: 'h', way: 'HTTP/2', ...loss }),
    });
    for (const siteId of ['a', 'b']) {
      const host = `${siteId}.test`;
      this.#longLived.push(this.#repeat(siteId, 'upgrade', () => openEcho(port, host, 50)));
      this.#longLived.push(this.#repeat(siteId, 'events', () => openEvents(port, host, 50)));
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const client of this.#open) client.leave();
    const all = [...this.#loads.map(({ load }) => load.stop()), this.#http2.stop(), ...this.#longLived];
    await within('the clients end', 120_000, Promise.all(all));
  }

  toStrings(): string[] {
    return [
      ...this.#loads.map(({ name, load }) => `${name}: ${String(load.outcome)}`),
      `HTTP/2: ${this.#http2.okCount} ok, ${this.#http2.refusedCount} refused by GOAWAY, ${this.#http2.sessionCount} sessions`,
      `upgrades and events: ${this.#steps} steps`,
    ];
  }

  #closed(siteId: string, way: string, idleMs: number): void {
    const nowMs = performance.now();
    const when = { fromMs: nowMs, untilMs: nowMs, idleMs };
    this.#ledger.lose({ kind: 'closed', siteId, way, first: false, ...when, detail: 'between two requests' });
  }

  /** One that is cut, which the end of its worker's drain does as well, opens another. */
  async #repeat(siteId: string, way: string, open: () => Promise<LongLivedClient>): Promise<void> {
    while (!this.#stopping) {
      const fromMs = performance.now();
      const fail = (detail: string): void => this.#ledger.fail({ siteId, way, first: true, fromMs, detail });
      try {
        const client = await open();
        this.#open.add(client);
        if (this.#stopping) client.leave();
        const end = await client.ended;
        this.#open.delete(client);
        this.#steps += client.count;
        if (end.how === 'wrong') fail(`WrongAnswer: ${end.detail}`);
      } catch (error) {
        fail(String(error));
        await delay(10);
      }
    }
  }
}

/** The resident memory of every daemon and master there was. */
class Memory {
  readonly #vhostd: FullVhostd;
  readonly #timer: NodeJS.Timeout;
  /** Told each half minute of what the two hold. */
  readonly #onLine: (line: string) => void;
  #toldMs: number = -Infinity;
  readonly #seen = new Map<number, { name: string; firstMb: number; mostMb: number }>();

  constructor(vhostd: FullVhostd, onLine: (line: string) => void) {
    this.#vhostd = vhostd;
    this.#onLine = onLine;
    this.#timer = setInterval(() => void this.#look(), 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What the one that grew most has grown by. */
  get grownMb(): number {
    return Math.max(0, ...[...this.#seen.values()].map(({ firstMb, mostMb }) => mostMb - firstMb));
  }

  toString(): string {
    const most = [...this.#seen.values()].toSorted((a, b) => b.mostMb - b.firstMb - a.mostMb + a.firstMb)[0];
    return `${this.#seen.size} daemons and masters; most grew ${most?.name} from ${most?.firstMb} to ${most?.mostMb} MB`;
  }

  async #look(): Promise<void> {
    const status = await this.#vhostd.statusNow();
    if (status === undefined) return;
    const parts: string[] = [];
    for (const [name, pid] of Object.entries({ daemon: status.daemon.pid, master: status.master?.pid })) {
      if (pid === undefined) continue;
      const mb = residentBytes(pid) >> 20;
      parts.push(`${name} ${pid} ${mb} MB, ${descriptorCount(pid)} descriptors`);
      const seen = this.#seen.get(pid) ?? { name, firstMb: mb, mostMb: mb };
      seen.mostMb = Math.max(seen.mostMb, mb);
      this.#seen.set(pid, seen);
    }
    if (performance.now() - this.#toldMs < TOLD_EACH_MS) return;
    this.#toldMs = performance.now();
    this.#onLine(`at ${Math.round(this.#toldMs / 1000)} s: ${parts.join('; ')}`);
  }
}

/** Does one behind the other, and the next one while some are still at work. Returns what went wrong with any. */
async function faultsUntil(untilMs: number, scene: Scene): Promise<string[]> {
  const broken: string[] = [];
  const running = new Map<string, Promise<void>>();
  while (performance.now() < untilMs && broken.length === 0) {
    await delay(scene.random.integer(300, 4000));
    const { what, group = what, run } = chooseFault(scene.random);
    if (running.has(group)) continue;
    const siteId = scene.random.pick(scene.siteIds);
    const end = within(what, FAULT_LIMIT_MS, run(scene, siteId))
      .catch((error: unknown) => void broken.push(`${what} ${siteId}: ${String(error)}`))
      .finally(() => running.delete(group));
    running.set(group, end);
  }
  await Promise.all(running.values());
  return broken;
}

interface Held {
  daemon: number;
  master: number;
}

async function held(vhostd: FullVhostd): Promise<Held> {
  const { daemon, master } = await vhostd.status();
  return { daemon: descriptorCount(daemon.pid), master: descriptorCount(master?.pid ?? 0) };
}

/** Every process is one that the status tells of, and daemon and master hold what they held. */
async function nothingLeft(vhostd: FullVhostd, before: Held): Promise<void> {
  await until(
    'no process is left over',
    async () => {
      const status = await vhostd.status();
      const known = [status.daemon.pid, status.master?.pid ?? 0, ...workerPids(status)];
      const value = vhostd.processes().filter((pid) => !known.includes(pid));
      return { done: value.length === 0, value: value.map((pid) => `${pid} ${commandOf(pid)}`) };
    },
    ORPHANS_LIMIT_MS,
  );
  await until('descriptors are what they were', async () => {
    const now = await held(vhostd);
    const done = now.daemon <= before.daemon + DESCRIPTORS_MORE && now.master <= before.master + WORKERS_MORE;
    return { done, value: { before, now } };
  });
}

const TOLD_EACH_MS = 30_000;
const FAULT_LIMIT_MS = 120_000;
/** The descriptor attack leaves a process behind for 30 s. */
const ORPHANS_LIMIT_MS = 60_000;
const GROWN_MAX_MB = 160;
const DESCRIPTORS_MORE = 10;
/** The sites may have three workers each by now, of eight descriptors, and pipes are made ahead of need. */
const WORKERS_MORE = 70;
