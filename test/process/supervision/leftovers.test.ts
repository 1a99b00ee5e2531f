// Whichever process ends, however it is ended and whatever its worker is doing: nothing is left over that is not part
// of a vhostd which works.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { commandOf, isAlive } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const WHO = ['daemon', 'master', 'worker'] as const;
type Who = (typeof WHO)[number];
const HOW = ['TERM', 'KILL', 'STOP, then KILL'] as const;
type How = (typeof HOW)[number];
/** `busy`: with a request that takes longer than it may drain; `looping`: in a loop that never ends. */
const DOING = ['idle', 'busy', 'stopped', 'looping'] as const;
type Doing = (typeof DOING)[number];

/** A worker may take 1 s to finish, 1 s for its hooks and 1 s more to leave. */
const SITE = {
  siteId: 'a',
  workerFile: siteFile('stuck', import.meta.url),
  drainTimeout: '1s',
  stopTimeout: '1s',
  heartbeatInterval: '200ms',
  heartbeatLimit: '1s',
  restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '100ms' },
};
/** Only a process that stays is found to be left over by this; the times that it takes are printed. */
const LIMIT_MS = 20_000;

void describe('nothing is left over', { concurrency: 6 }, () => {
  for (const who of WHO) {
    for (const how of HOW) {
      // In a loop it is to its living master what it is when it is stopped.
      const all = DOING.filter((doing) => doing !== 'looping' || who === 'master');
      // What is left works, and is what the next case begins with, unless all has stopped.
      const runs = who === 'daemon' && how === 'TERM' ? all.map((doing) => [doing]) : [all];
      for (const run of runs) {
        void it(`when the ${who} gets ${how} while its worker is ${run.join(', then ')}`, async (t) => {
          const vhostd = await startVhostd(t, { daemon: true, sites: [SITE] });
          for (const doing of run) await end(t, vhostd, { who, how, doing });
          if (vhostd.processes().length > 0) await vhostd.client.stop();
          await until(
            'nothing is left once it is stopped',
            () => {
              const value = vhostd.processes();
              return { done: value.length === 0, value };
            },
            LIMIT_MS,
          );
        });
      }
    }
  }
});

/** A worker that stands still may have been ended for that by now. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** One case: ends a process, and looks at what is left. */
async function end(
  t: TestContext,
  vhostd: FullVhostd,
  { who, how, doing }: { who: Who; how: How; doing: Doing },
): Promise<void> {
  const status = await vhostd.serves();
  const pids = pidsOf(status);
  await make(doing, vhostd, pids.worker);
  const victim = pids[who];
  if (how === 'STOP, then KILL') send(victim, 'SIGSTOP');
  send(victim, how === 'TERM' ? 'SIGTERM' : 'SIGKILL');
  const startedMs = performance.now();
  const left = await until(
    'only a vhostd that works is left',
    async () => await leftOf(vhostd, victim),
    LIMIT_MS,
  );
  const settledMs = performance.now() - startedMs;
  t.diagnostic(
    `${doing}: ${left.length === 0 ? 'nothing' : 'a vhostd that works'} is left after ${Math.round(settledMs)} ms`,
  );
  if (who !== 'daemon') assert.equal(left.length, 3);
}

/** Brings the worker to do what the case is about. */
async function make(doing: Doing, vhostd: FullVhostd, worker: number): Promise<void> {
  if (doing === 'stopped') process.kill(worker, 'SIGSTOP');
  if (doing !== 'busy' && doing !== 'looping') return;
  const { listeners, counts } = await vhostd.status();
  const client = await WireClient.open(listeners[0]?.port ?? 0);
  client.send(`GET /${doing === 'busy' ? 'slow' : 'block'}/600000 HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  await vhostd.until(
    'the worker has the request',
    (now) => now.counts?.handedOff === (counts?.handedOff ?? 0) + 1,
  );
}

function pidsOf(status: DaemonStatus): Record<Who, number> {
  const worker = status.sites[0]?.workers[0]?.pid;
  assert.ok(status.master !== undefined && worker !== undefined);
  return { daemon: status.daemon.pid, master: status.master.pid, worker };
}

/** Done: the victim is gone, and nothing runs, or exactly the processes of a vhostd that answers and serves. */
async function leftOf(vhostd: FullVhostd, victim: number): Promise<{ done: boolean; value: string[] }> {
  const status = await vhostd.statusNow();
  const pids = vhostd.processes();
  const value = pids.map((pid) => `${pid} ${commandOf(pid)}`);
  const workers = status?.sites[0]?.workers.filter(({ state }) => state === 'ready') ?? [];
  const atWork = [status?.daemon.pid, status?.master?.pid, workers[0]?.pid];
  const works = atWork.every((pid) => pid !== undefined && pids.includes(pid)) && pids.length === 3;
  return { done: !isAlive(victim) && (pids.length === 0 || works), value };
}
