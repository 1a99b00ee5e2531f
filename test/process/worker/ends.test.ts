// How workers end, as the master's log and the status tell it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DaemonRig } from '../../kit/daemon-rig.js';
import type { DaemonSite, LogLine } from '../../kit/daemon-rig.js';
import { until } from '../../kit/until.js';

function site(siteId: string, env: Record<string, string>, fields: Record<string, unknown> = {}): DaemonSite {
  const workerFile = new URL('./ends.site.js', import.meta.url).pathname;
  const limits = { cpuLen: 1, drainTimeout: '100ms', stopTimeout: '100ms' };
  return { siteId, hosts: [`${siteId}.test`], workerFile, workerOptions: { env }, ...limits, ...fields };
}

/** What a line says of the end of a worker of this site, once there is one that is as wanted. */
async function endOf(rig: DaemonRig, siteId: string, wanted: (line: LogLine) => boolean): Promise<LogLine> {
  let found: LogLine | undefined;
  await until(`the end of a worker of ${siteId}`, () => {
    const value = rig.logged('worker.exited').filter((line) => line['siteId'] === siteId);
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
    const rig = await DaemonRig.start(t, [
      site('leaves', {}),
      site('throws', { STOPPED: 'throws' }),
      site('hangs', { STOPPED: 'hangs' }),
      site('killed', {}),
    ]);
    const ready = await rig.logs('worker.ready', 4);
    const firstOf = (siteId: string): LogLine => {
      const { workerId, workerPid, generation } = ready.find((line) => line['siteId'] === siteId) ?? {};
      return { workerId, workerPid, generation };
    };
    const [{ pid = 0 } = {}] = (await rig.site('killed')).workers;
    assert.deepEqual(firstOf('killed')['workerPid'], pid);
    process.kill(pid, 'SIGKILL');
    for (const siteId of ['leaves', 'throws', 'hangs']) {
      assert.equal((await rig.run('reload', siteId)).code, 0);
    }
    const ends: [siteId: string, level: number, asked: boolean, reason: string][] = [
      ['leaves', INFO, true, 'exited with code 0'],
      ['throws', WARN, true, 'exited with code 1'],
      ['hangs', WARN, true, 'it did not leave in time; was ended by SIGKILL'],
      ['killed', WARN, false, 'was ended by SIGKILL'],
    ];
    for (const [siteId, level, asked, reason] of ends) {
      const expected = { level, ...firstOf(siteId), generation: 1, asked, reason };
      assert.deepEqual(await endOf(rig, siteId, any), expected);
    }
    // Not to be read as one of the worker that serves now.
    const { sites } = await rig.until('another one serves', (status) =>
      status.sites.every(({ workers }) => workers.length === 1 && workers[0]?.state === 'ready'),
    );
    const reason = sites.find(({ siteId }) => siteId === 'killed')?.workers[0]?.reason;
    assert.equal(reason, `replaced ${String(firstOf('killed')['workerId'])}: was ended by SIGKILL`);
  });

  void it('tells what one that is not ready in time has left undone', async (t) => {
    const limits = { bootTimeout: '3s', restart: { intensity: 100, backoffMax: '100ms' } };
    const rig = DaemonRig.launch(t, [
      site('none', { SERVER: 'none' }, limits),
      site('starts', { STARTED: 'hangs' }, limits),
    ]);
    const undone = {
      none: 'its code has neither set worker.server nor called listen()',
      starts: 'its server is set, but `started` has not resolved',
    };
    for (const [siteId, what] of Object.entries(undone)) {
      // A machine under load may have needed the time to load the code.
      const wanted = `not ready within 3000 ms: ${what}; `;
      const { level, asked } = await endOf(rig, siteId, ({ reason }) => String(reason).startsWith(wanted));
      assert.deepEqual([level, asked], [WARN, false]);
    }
  });
});
