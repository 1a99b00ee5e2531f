// What the long run does to vhostd, a row each: how often beside the others, and how.
import { readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../kit/ask-site.js';
import type { Random } from '../kit/random.js';
import { serves } from '../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../kit/start-vhostd.js';
import type { Ledger } from './ledger.js';

/** What faults are done to. */
export interface Scene {
  vhostd: FullVhostd;
  ledger: Ledger;
  random: Random;
  /** The port in clear. */
  port: number;
  /** Sites that are under load. */
  siteIds: readonly [string, ...string[]];
  /** The directory of the site of another user, and one that is root's alone; absent: not run by root. */
  places?: { theirs: string; locked: string };
}

export interface FaultKind {
  what: string;
  /** How often it is chosen, beside the others. */
  weight: number;
  /** Of the faults of a group one is done at a time. Default: each for itself. */
  group?: string;
  run: (scene: Scene, siteId: string) => Promise<void>;
}

export const FAULTS: readonly FaultKind[] = [
  { what: 'kill worker', weight: 3, run: killWorker },
  { what: 'stop worker', weight: 1, run: stopWorker },
  { what: 'kill master', weight: 1, group: 'halves', run: (scene) => killHalf(scene, 'master') },
  { what: 'kill daemon', weight: 1, group: 'halves', run: (scene) => killHalf(scene, 'daemon') },
  { what: 'reload', weight: 3, run: reload },
  { what: 'scale', weight: 2, run: scale },
  { what: 'update', weight: 2, run: update },
  { what: 'pause', weight: 2, run: (scene, siteId) => pause(scene, siteId, 'pause', '30s') },
  { what: 'short pause', weight: 1, run: (scene, siteId) => pause(scene, siteId, 'short pause', '200ms') },
  { what: 'upgrade', weight: 1, run: upgrade },
  { what: 'flood', weight: 2, run: (scene) => attack(scene, 'x', 'flood', FLOODS) },
  {
    what: 'descriptor attack',
    weight: 2,
    run: (scene) => attack(scene, 'y', 'descriptor attack', DESCRIPTORS),
  },
  { what: 'log attack', weight: 2, run: exchangeLogs },
];

/** Chooses one by weight. */
export function chooseFault(random: Random): FaultKind {
  const all = FAULTS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
  return all[random.integer(0, all.length - 1)] ?? FAULTS[0] ?? never();
}

async function killWorker({ vhostd, ledger, random }: Scene, siteId: string): Promise<void> {
  const workers = await vhostd.workers(siteId).catch(() => []);
  const chosen = workers[random.integer(0, workers.length - 1)];
  if (chosen === undefined) return;
  ledger.begin('kill worker', siteId)();
  kill(chosen.pid, 'SIGKILL');
}

/** For less than its heartbeat's limit. */
async function stopWorker({ vhostd, ledger, random }: Scene, siteId: string): Promise<void> {
  const [chosen] = await vhostd.workers(siteId).catch(() => []);
  if (chosen === undefined) return;
  const end = ledger.begin('stop worker', siteId);
  kill(chosen.pid, 'SIGSTOP');
  await delay(random.integer(100, 1500));
  kill(chosen.pid, 'SIGCONT');
  end();
}

/** Only while the other half is there: one that dies together with it is described in docs/survival.md. */
async function killHalf({ vhostd, ledger }: Scene, half: 'daemon' | 'master'): Promise<void> {
  const { daemon, master } = await vhostd.until('both halves serve', (status) => serves(allGood(status)));
  const pid = half === 'daemon' ? daemon.pid : master?.pid;
  if (pid === undefined) return;
  ledger.begin(`kill ${half}`)();
  kill(pid, 'SIGKILL');
  await vhostd.until(
    `another ${half}`,
    (now) => (half === 'daemon' ? now.daemon.pid : (now.master?.pid ?? pid)) !== pid,
  );
}

async function reload({ vhostd, ledger, random }: Scene, siteId: string): Promise<void> {
  const all = random.next() < 0.3;
  const end = ledger.begin('reload', all ? undefined : siteId);
  await vhostd.reload(all ? undefined : siteId).catch(ignoreLost);
  end();
}

async function scale({ vhostd, ledger, random }: Scene, siteId: string): Promise<void> {
  const end = ledger.begin('scale', siteId);
  const body = { workers: random.integer(1, 3) };
  await vhostd.client.request({ method: 'POST', path: `/sites/${siteId}/scale`, body }).catch(ignoreLost);
  end();
}

/** The site gets another host, or loses it, while its other hosts are asked. */
async function update({ vhostd, ledger, random }: Scene, siteId: string): Promise<void> {
  const end = ledger.begin('reload', siteId);
  const conf = JSON.parse(readFileSync(vhostd.confFile, 'utf8')) as { sites: SiteOptions[] };
  const listen = conf.sites.find((site) => site.siteId === siteId)?.['listen'] as { host: string }[];
  const others = listen.filter(({ host }) => !host.startsWith('also-'));
  const more = { ...others[0], host: `also-${siteId}-${random.integer(0, 9)}.test` };
  vhostd.change(siteId, { listen: random.next() < 0.7 ? [...others, more] : others });
  await vhostd.reload(siteId).catch(ignoreLost);
  end();
}

async function pause(
  { vhostd, ledger, random }: Scene,
  siteId: string,
  what: string,
  timeout: string,
): Promise<void> {
  const end = ledger.begin(what, siteId);
  await vhostd.client.pause(siteId, { timeout }).catch(ignoreLost);
  await delay(random.integer(200, 2500));
  // An order that a half's death has lost is given again: until then the site stays paused.
  while (!(await isDone(vhostd.client.resume(siteId)))) await delay(50);
  end();
}

/** The same program takes over from itself. */
async function upgrade({ vhostd, ledger }: Scene): Promise<void> {
  const end = ledger.begin('upgrade');
  await vhostd.client.upgrade().catch(ignoreLost);
  end();
}

/** Tells a hostile site what to do. */
async function attack(
  { port, ledger, random }: Scene,
  siteId: string,
  what: string,
  paths: readonly [string, ...string[]],
): Promise<void> {
  ledger.begin(what, siteId)();
  const path = `/${encodeURIComponent(random.pick(paths))}`;
  await get(port, `${siteId}.test`, path, { limitMs: 60_000 }).catch(() => undefined);
}

/** The directory of its logs leads into one of root's for a while. */
async function exchangeLogs({ ledger, places, random }: Scene): Promise<void> {
  if (places === undefined) return;
  ledger.begin('log attack', 'z')();
  const log = join(places.theirs, 'log');
  renameSync(log, `${log}.aside`);
  symlinkSync(places.locked, log);
  await delay(random.integer(500, 2000));
  rmSync(log);
  renameSync(`${log}.aside`, log);
}

/** Without the hostile sites, which may be down. */
function allGood<T extends { sites: { siteId: string }[] }>(status: T): T {
  return { ...status, sites: status.sites.filter(({ siteId }) => !HOSTILE.includes(siteId)) };
}

/** False: it was lost with a half that has died meanwhile. */
async function isDone(order: Promise<unknown>): Promise<boolean> {
  let done = true;
  await order.catch((error: unknown) => {
    ignoreLost(error);
    done = false;
  });
  return done;
}

/** What was asked of a half that has died meanwhile, or of a site that is doing something else. */
function ignoreLost(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!EXPECTED.some((prefix) => code.startsWith(prefix))) throw error;
}

function kill(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

function never(): never {
  throw new Error('no faults');
}

export const HOSTILE: readonly string[] = ['x', 'y', 'z'];
const EXPECTED = ['ERR_CONTROL', 'ERR_DAEMON', 'ERR_MASTER', 'ERR_UPGRADE', 'ERR_CALL', 'ERR_RELOAD'];
const FLOODS: readonly [string, ...string[]] = [
  'empty lines',
  'lines',
  'confirmations',
  'messages',
  'calls',
  'brackets',
  'updates',
];
const DESCRIPTORS: readonly [string, ...string[]] = [
  'kind/returns/null',
  'kind/returns/terminal',
  'kind/returns/tcp that listens',
  'kind/stdout/eventfd',
  'kind/data/unix stream',
  'many/returns',
  'many/channel',
  'hold',
];
