// Workers that are killed again and again, running or stopped: a request is lost only if its connection was that
// worker's, as the master had been told; every other one is answered, and none is run twice.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Rig } from '../../kit/rig.js';
import type { SiteOptions } from '../../kit/rig.js';
import { MortalLoad } from './mortal-load.js';
import type { Attempt } from './mortal-load.js';

const LONG = process.env['VHOSTD_TEST_LONG'] === '1';
/** Answers between two kills. In the long form they are 2 s apart. */
const ANSWERS_BETWEEN = 40;
/** Connections that come while a worker is stopped; every other one is given to it. */
const BURST = 8;

function site(siteId: string, record: string): SiteOptions {
  return {
    siteId,
    hosts: [`${siteId}.test`],
    workerFile: new URL('./mortal.site.js', import.meta.url).pathname,
    workerOptions: { env: { RECORD: record } },
    cpuLen: 2,
    balance: 'round-robin',
    restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '200ms' },
  };
}

for (const [handoff, kills] of [
  ['pipe', LONG ? 30 : 8],
  ['ipc', LONG ? 30 : 4],
] as const) {
  test(`over ${handoff}, a worker that is killed takes along what it had accepted, and nothing else`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const record = join(dir, 'begun');
    writeFileSync(record, '');
    const setup = new URL('./acceptance.commands.js', import.meta.url);
    const rig = await Rig.start(t, {
      conf: { handoff },
      setup,
      sites: [site('a', record), site('b', record)],
    });
    const port = await rig.port();
    const a = new MortalLoad({ port, host: 'a.test', fresh: 12, keptAlive: 8 });
    const b = new MortalLoad({ port, host: 'b.test', fresh: 4, keptAlive: 4 });
    const killedMs = new Map<number, number>();
    while (killedMs.size < kills) {
      if (LONG) await delay(2000);
      else await a.progress(ANSWERS_BETWEEN);
      const victim = await nextVictim(rig, killedMs);
      // Every other one is stopped first, so that connections wait in its pipe.
      if (killedMs.size % 2 === 1) {
        process.kill(victim, 'SIGSTOP');
        const { accepted } = (await rig.status()).counts;
        a.burst(BURST);
        await rig.until('they are accepted', ({ counts }) => counts.accepted >= accepted + BURST);
      }
      process.kill(victim, 'SIGKILL');
      killedMs.set(victim, performance.now());
    }
    await a.progress(ANSWERS_BETWEEN);
    await Promise.all([a.stop(), b.stop()]);

    const accepted = (await rig.ask('accepted')) as { url: string; pid: number }[];
    const ownerOf = new Map(accepted.map(({ url, pid }) => [url, pid]));
    const begun = readFileSync(record, 'utf8').trim().split('\n');
    const begunUrls = new Set(begun.map((line) => line.split(' ')[0] ?? ''));
    const { counts, sites } = await rig.status();
    const neverBegun = a.failed.filter(({ url }) => !begunUrls.has(url));
    t.diagnostic(
      `${kills} kills; a: ${a.attempts.length} requests, ${a.failed.length} lost, all of them the killed worker's ` +
        `(${neverBegun.length} accepted but not begun); ${counts.handedOffAgain} connections given again; ` +
        `b: ${b.attempts.length} requests, ${b.failed.length} lost`,
    );
    assert.deepEqual(b.failed, []);
    for (const attempt of a.failed) assert.equal(whyLost(attempt, ownerOf, killedMs), undefined);
    for (const attempt of [...a.attempts, ...b.attempts])
      if (attempt.outcome === 'ok') assert.equal(attempt.pid, ownerOf.get(attempt.connection), attempt.url);
    assert.equal(ownerOf.size, accepted.length, 'no connection was accepted twice');
    assert.equal(begunUrls.size, begun.length, 'no request was begun twice');
    assert.ok(counts.handedOffAgain > 0);
    assert.deepEqual(counts.refused, {});
    const restarts = sites.map(({ workers }) => workers.reduce((sum, worker) => sum + worker.restarts, 0));
    assert.deepEqual(restarts, [kills, 0]);
  });
}

/** A worker of site a, once all of them are ready. */
async function nextVictim(rig: Rig, killedMs: ReadonlyMap<number, number>): Promise<number> {
  const { sites } = await rig.until('every worker is ready', ({ sites: [a] }) => {
    const ready = a?.workers.filter(({ state, pid }) => state === 'ready' && !killedMs.has(pid ?? 0)) ?? [];
    return ready.length === 2;
  });
  return sites[0]?.workers[killedMs.size % 2]?.pid ?? 0;
}

/** What speaks against it that this request was lost with a killed process, or nothing. */
function whyLost(
  { url, connection, pid, outcome, endedMs }: Attempt,
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
