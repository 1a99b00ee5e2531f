// Whichever process ends, however it is ended and whatever its worker is doing: nothing is left over that is not part
// of a vhostd which works.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { commandOf, isAlive } from '../../kit/processes.js';
import { until } from '../../kit/until.js';
import { Vhostd } from '../../kit/vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const WHO = ['daemon', 'master', 'worker'] as const;
const HOW = ['TERM', 'KILL', 'STOP, then KILL'] as const;
/** `busy`: with a request that takes longer than it may drain; `looping`: in a loop that never ends. */
const DOING = ['idle', 'busy', 'stopped', 'looping'] as const;

/** A worker may take 1 s to finish, 2 s for its hooks and 1 s more to leave. */
const SITE = {
  siteId: 'a',
  workerFile: new URL('./stuck.site.js', import.meta.url).pathname,
  cpuLen: 1,
  listen: [{ host: 'a.test', port: 0, ipaddress: '127.0.0.1' }],
  drainTimeout: '1s',
  stopTimeout: '1s',
  heartbeatInterval: '200ms',
  heartbeatLimit: '1s',
  restart: { backoffMin: '10ms', backoffMax: '100ms' },
};
/** Only a process that stays is found to be left over by this; the times that it takes are printed. */
const LIMIT_MS = 15_000;

void describe('nothing is left over', { concurrency: 9 }, () => {
  for (const who of WHO) {
    for (const how of HOW) {
      for (const doing of DOING) {
        // In a loop it is to its living master what it is when it is stopped.
        if (doing === 'looping' && who !== 'master') continue;
        void it(`when the ${who} gets ${how} while its worker is ${doing}`, async (t) => {
          const vhostd = await Vhostd.start(t, [SITE]);
          const pids = pidsOf(await vhostd.status());
          await make(doing, vhostd, pids.worker);
          const victim = pids[who];
          if (how === 'STOP, then KILL') process.kill(victim, 'SIGSTOP');
          process.kill(victim, how === 'TERM' ? 'SIGTERM' : 'SIGKILL');
          const startedMs = performance.now();
          const left = await until(
            'only a vhostd that works is left',
            async () => await leftOf(vhostd, victim),
            LIMIT_MS,
          );
          const settledMs = performance.now() - startedMs;
          t.diagnostic(
            `${left.length === 0 ? 'nothing' : 'a vhostd that works'} is left after ${Math.round(settledMs)} ms`,
          );
          if (who !== 'daemon') assert.equal(left.length, 3);
          if (left.length > 0) await vhostd.client.stop();
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

/** Brings the worker to do what the case is about. */
async function make(doing: (typeof DOING)[number], vhostd: Vhostd, worker: number): Promise<void> {
  if (doing === 'stopped') process.kill(worker, 'SIGSTOP');
  if (doing !== 'busy' && doing !== 'looping') return;
  const port = (await vhostd.status())?.listeners[0]?.port ?? 0;
  const client = await WireClient.open(port);
  client.send(`GET /${doing === 'busy' ? 'slow' : 'block'}/600000 HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  await until('the worker has the request', async () => {
    const counts = (await vhostd.status())?.counts;
    return { done: counts?.handedOff === 1, value: counts };
  });
}

function pidsOf(status: DaemonStatus | undefined): Record<(typeof WHO)[number], number> {
  const worker = status?.sites[0]?.workers[0]?.pid;
  assert.ok(status?.master !== undefined && worker !== undefined);
  return { daemon: status.daemon.pid, master: status.master.pid, worker };
}

/** Done: the victim is gone, and nothing runs, or exactly the processes of a vhostd that answers and serves. */
async function leftOf(vhostd: Vhostd, victim: number): Promise<{ done: boolean; value: string[] }> {
  const status = await vhostd.status();
  const pids = vhostd.processes();
  const value = pids.map((pid) => `${pid} ${commandOf(pid)}`);
  const workers = status?.sites[0]?.workers.filter(({ state }) => state === 'ready') ?? [];
  const atWork = [status?.daemon.pid, status?.master?.pid, workers[0]?.pid];
  const works = atWork.every((pid) => pid !== undefined && pids.includes(pid)) && pids.length === 3;
  return { done: !isAlive(victim) && (pids.length === 0 || works), value };
}
