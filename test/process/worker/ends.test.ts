// How workers end, as the master's log and the status tell it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, LogLine, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

function site(
  siteId: string,
  env: Record<string, string>,
  fields: Record<string, unknown> = {},
): SiteOptions {
  const workerFile = siteFile('ends', import.meta.url);
  const limits = { drainTimeout: '100ms', stopTimeout: '100ms' };
  return { siteId, workerFile, workerOptions: { env }, ...limits, ...fields };
}

/** What a line says of the end of a worker of this site, once there is one that is as wanted. */
async function endOf(
  vhostd: FullVhostd,
  siteId: string,
  wanted: (line: LogLine) => boolean,
): Promise<LogLine> {
  let found: LogLine | undefined;
  await until(`the end of a worker of ${siteId}`, () => {
    const value = vhostd.logged('worker.exited').filter((line) => line['siteId'] === siteId);
    found = value.find(wanted);
    return { done: found !== undefined, value };
  });
  const { level, workerId, workerPid, generation, asked, reason } = found ?? {};
  return { level, workerId, workerPid, generation, asked, reason };
}

const any = (): boolean => true;
/** Levels of the log. */
const [INFO, WARN] = [30, 40];

void describe('the end of a worker', { concurrency: 2 }, () => {
  void it('is logged with its reason, as a warning unless it left as it was asked', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [
        site('leaves', {}),
        site('throws', { STOPPED: 'throws' }),
        site('hangs', { STOPPED: 'hangs' }),
        site('killed', {}),
      ],
    });
    const ready = await vhostd.logs('worker.ready', 4);
    const firstOf = (siteId: string): LogLine => {
      const { workerId, workerPid, generation } = ready.find((line) => line['siteId'] === siteId) ?? {};
      return { workerId, workerPid, generation };
    };
    const [{ pid = 0 } = {}] = (await vhostd.site('killed')).workers;
    assert.deepEqual(firstOf('killed')['workerPid'], pid);
    process.kill(pid, 'SIGKILL');
    for (const siteId of ['leaves', 'throws', 'hangs']) {
      assert.equal((await vhostd.run('reload', siteId)).code, 0);
    }
    const ends: [siteId: string, level: number, asked: boolean, reason: string][] = [
      ['leaves', INFO, true, 'exited with code 0'],
      ['throws', WARN, true, 'exited with code 1'],
      ['hangs', WARN, true, 'it did not leave in time; was ended by SIGKILL'],
      ['killed', WARN, false, 'was ended by SIGKILL'],
    ];
    for (const [siteId, level, asked, reason] of ends) {
      const expected = { level, ...firstOf(siteId), generation: 1, asked, reason };
      assert.deepEqual(await endOf(vhostd, siteId, any), expected);
    }
    // Not to be read as one of the worker that serves now.
    const { sites } = await vhostd.until('another one serves', (status) =>
      status.sites.every(({ workers }) => workers.length === 1 && workers[0]?.state === 'ready'),
    );
    const reason = sites.find(({ siteId }) => siteId === 'killed')?.workers[0]?.reason;
    assert.equal(reason, `replaced ${String(firstOf('killed')['workerId'])}: was ended by SIGKILL`);
  });

  void it('tells what one that is not ready in time has left undone', async (t) => {
    const limits = { bootTimeout: '2s', restart: { intensity: 100, backoffMax: '100ms' } };
    const vhostd = await startVhostd(t, {
      daemon: true,
      wait: false,
      sites: [site('none', { SERVER: 'none' }, limits), site('starts', { STARTED: 'hangs' }, limits)],
    });
    const undone = {
      none: 'its code has neither set worker.server nor called listen(); in a thread or a child process that does not count',
      starts: 'its server is set, but `started` has not resolved',
    };
    for (const [siteId, what] of Object.entries(undone)) {
      // A machine under load may have needed the time to load the code.
      const wanted = `not ready within 2000 ms: ${what}; `;
      const { level, asked } = await endOf(vhostd, siteId, ({ reason }) => String(reason).startsWith(wanted));
      assert.deepEqual([level, asked], [WARN, false]);
    }
  });
});
