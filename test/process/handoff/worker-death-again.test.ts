// Workers that are killed again and again, running or stopped: a request is lost only if its connection was that
// worker's, as the master had been told; every other one is answered, and none is run twice.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from '../../kit/at-end.js';
import { Load } from '../../kit/load.js';
import type { Attempt, LoadOptions } from '../../kit/load.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { mortalExchange } from './mortal-exchange.js';

const LONG = process.env['VHOSTD_TEST_LONG'] === '1';
const KILLS = LONG ? 30 : 8;
/** Answers between two kills. In the long form they are 2 s apart. */
const ANSWERS_BETWEEN = 40;
/** Connections that come while a worker is stopped; every other one is given to it. */
const BURST = 8;

function site(siteId: string, record: string): SiteOptions {
  return {
    siteId,
    workerFile: siteFile('mortal', import.meta.url),
    workerOptions: { env: { RECORD: record } },
    cpuLen: 2,
    balance: 'round-robin',
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '200ms' },
  };
}

test('a worker that is killed takes along what it had accepted, and nothing else', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  const record = join(dir, 'begun');
  writeFileSync(record, '');
  const commands = new URL('./acceptance.commands.js', import.meta.url);
  const vhostd = await startVhostd(t, {
    commands,
    sites: [site('a', record), site('b', record)],
  });
  const port = await vhostd.port();
  const a = load(port, 'a.test', { fresh: 12, kept: 8 });
  const b = load(port, 'b.test', { fresh: 4, kept: 4 });
  const killedMs = new Map<number, number>();
  while (killedMs.size < KILLS) {
    if (LONG) await delay(2000);
    else await a.fresh.progress(ANSWERS_BETWEEN);
    const victim = await nextVictim(vhostd, killedMs);
    // Every other one is stopped first, so that connections wait in its pipe.
    if (killedMs.size % 2 === 1) {
      process.kill(victim, 'SIGSTOP');
      const { accepted } = (await vhostd.status()).counts;
      a.fresh.burst(BURST);
      await vhostd.until('they are accepted', ({ counts }) => counts.accepted >= accepted + BURST);
    }
    process.kill(victim, 'SIGKILL');
    killedMs.set(victim, performance.now());
  }
  await a.fresh.progress(ANSWERS_BETWEEN);
  await Promise.all([a, b].flatMap(({ fresh, kept }) => [fresh.stop(), kept.stop()]));
  const [lostOfA, lostOfB] = [lostOf(a.attempts), lostOf(b.attempts)];

  const accepted = (await vhostd.ask('accepted')) as { url: string; pid: number }[];
  const ownerOf = new Map(accepted.map(({ url, pid }) => [url, pid]));
  const begun = readFileSync(record, 'utf8').trim().split('\n');
  const begunUrls = new Set(begun.map((line) => line.split(' ')[0] ?? ''));
  const { counts, sites } = await vhostd.status();
  const neverBegun = lostOfA.filter(({ url }) => !begunUrls.has(url));
  t.diagnostic(
    `${KILLS} kills; a: ${a.attempts.length} requests, ${lostOfA.length} lost, all of them the killed worker's ` +
      `(${neverBegun.length} accepted but not begun); ${counts.redispatched} connections given again; ` +
      `b: ${b.attempts.length} requests, ${lostOfB.length} lost`,
  );
  assert.deepEqual(lostOfB, []);
  for (const attempt of lostOfA) assert.equal(whyLost(attempt, ownerOf, killedMs), undefined);
  for (const attempt of [...a.attempts, ...b.attempts])
    if (attempt.outcome === 'ok')
      assert.equal(attempt.told.pid, ownerOf.get(attempt.connection), attempt.url);
  assert.equal(ownerOf.size, accepted.length, 'no connection was accepted twice');
  assert.equal(begunUrls.size, begun.length, 'no request was begun twice');
  assert.ok(counts.redispatched > 0);
  assert.deepEqual(counts.refused, {});
  const restarts = sites.map(({ workers }) => workers.reduce((sum, worker) => sum + worker.restarts, 0));
  assert.deepEqual(restarts, [KILLS, 0]);
});

/** Clients that open a connection for each request, others that keep theirs, and what became of each request. */
function load(
  port: number,
  host: string,
  { fresh, kept }: { fresh: number; kept: number },
): { fresh: Load; kept: Load; attempts: Attempt[] } {
  const attempts: Attempt[] = [];
  const options: Omit<LoadOptions, 'connections'> = {
    port,
    host,
    request: mortalExchange,
    onAttempt: (attempt) => void attempts.push(attempt),
  };
  return {
    fresh: new Load({ ...options, connections: 'fresh', clientCount: fresh }),
    kept: new Load({ ...options, connections: 'kept', clientCount: kept }),
    attempts,
  };
}

/** A worker of site a, once all of them are ready. */
async function nextVictim(vhostd: LoneMaster, killedMs: ReadonlyMap<number, number>): Promise<number> {
  const { sites } = await vhostd.until('every worker is ready', ({ sites: [a] }) => {
    const ready = a?.workers.filter(({ state, pid }) => state === 'ready' && !killedMs.has(pid ?? 0)) ?? [];
    return ready.length === 2;
  });
  return sites[0]?.workers[killedMs.size % 2]?.pid ?? 0;
}

function lostOf(attempts: readonly Attempt[]): Attempt[] {
  return attempts.filter(({ outcome }) => outcome !== 'ok');
}

/** What speaks against it that this request was lost with a killed process, or nothing. */
function whyLost(
  { url, connection, told: { pid }, outcome, endedMs }: Attempt,
  ownerOf: ReadonlyMap<string, number>,
  killedMs: ReadonlyMap<number, number>,
): string | undefined {
  if (!['closed', 'ECONNRESET', 'EPIPE'].includes(outcome)) return `${url} failed by ${outcome}`;
  const owner = ownerOf.get(connection);
  if (owner === undefined) return `${url} was lost, but nobody had accepted its connection`;
  const killed = killedMs.get(owner);
  if (killed === undefined) return `${url} was lost, but its process ${owner} was not killed`;
  if (pid !== undefined && pid !== owner) return `${url} was answered by ${pid}, but ${owner} had it`;
  return killed <= endedMs ? undefined : `${url} was lost before its process was killed`;
}
