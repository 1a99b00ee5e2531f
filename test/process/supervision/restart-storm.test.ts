// A site whose workers end at once is restarted ever more slowly, then given up with its reason; other sites do not
// notice, and a reload with code that works brings it back.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { askSite, get } from '../../kit/ask-site.js';
import { cpuSeconds } from '../../kit/processes.js';
import { Rig, siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';

const INTENSITY = 5;
const BACKOFF_MS = [50, 100, 200, 400, 800];
/** How long the CPU of a master at rest is measured. */
const REST_MS = 2000;

test('a restart storm is bounded, told of and harms nobody else', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [code, starts] = [join(dir, 'site.mjs'), join(dir, 'starts')];
  const good = `import ${JSON.stringify(`file://${siteFile('echo')}`)};`;
  const bad =
    `import { appendFileSync } from 'node:fs';` +
    `appendFileSync(${JSON.stringify(starts)}, \`\${process.env.NODE_UNIQUE_ID} \${performance.timeOrigin}\\n\`);` +
    `process.exit(3);`;
  writeFileSync(code, good);
  writeFileSync(starts, '');
  const rig = await Rig.start(t, {
    sites: [
      {
        siteId: 'a',
        hosts: ['a.test'],
        workerFile: code,
        cpuLen: 1,
        restart: { intensity: INTENSITY, period: '10m', backoffMin: '50ms', backoffMax: '10s' },
      },
      { siteId: 'b', hosts: ['b.test'], workerFile: siteFile('echo'), cpuLen: 1 },
    ],
  });
  const port = await rig.port();
  const [first] = await rig.workers('a');
  const load = new SteadyLoad(port, 'b.test');
  writeFileSync(code, bad);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  const status = await rig.until('it is given up', ({ sites }) => sites[0]?.state === 'errored', 60_000);
  await load.stop();

  const startedMs = readFileSync(starts, 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[1]));
  const gapsMs = startedMs.slice(1).map((ms, index) => ms - (startedMs[index] ?? 0));
  const cpuBefore = cpuSeconds(rig.pid);
  await delay(REST_MS);
  const share = (cpuSeconds(rig.pid) - cpuBefore) / (REST_MS / 1000);
  t.diagnostic(
    `${startedMs.length} spawns of ${INTENSITY} allowed, ${gapsMs.map((ms) => Math.round(ms)).join(', ')} ms apart; ` +
      `then ${(share * 100).toFixed(1)} % of a CPU; other site: ${load.count} requests, ` +
      `${load.failures.length} failed, the slowest took ${Math.round(load.slowestMs)} ms`,
  );
  // The first restart follows the kill; its gap is not among these.
  assert.equal(startedMs.length, INTENSITY);
  for (const [index, gapMs] of gapsMs.entries()) assert.ok(gapMs >= (BACKOFF_MS[index + 1] ?? 0), `${gapMs}`);
  const [reason = '', help] = status.sites[0]?.reason?.split(/; (?=vhostd )/) ?? [];
  assert.match(reason, /^worker a\/\d+ exited with code 3; gave up after 5 restarts within 600000 ms$/);
  assert.equal(help, 'vhostd reload a starts it anew');
  assert.equal(status.sites[0]?.workers[0]?.state, 'errored');
  const errors = rig.events.flatMap(({ event, data }) => (event === 'error' ? [data] : []));
  assert.deepEqual(errors, [{ siteId: 'a', message: reason }]);
  assert.ok(share < 0.05);
  assert.deepEqual(load.failures, []);
  assert.equal(status.sites[1]?.workers[0]?.restarts, 0);

  const refused = await get(port, 'a.test');
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
  const failed = (await rig.ask('reload', 'a')) as { sites: { ok: boolean; error?: { code: string } }[] };
  assert.deepEqual(
    failed.sites.map(({ ok, error }) => [ok, error?.code]),
    [[false, 'ERR_WORKER_EXITED']],
  );
  assert.equal((await rig.site('a')).state, 'errored');

  writeFileSync(code, good);
  const reloaded = (await rig.ask('reload', 'a')) as { sites: { ok: boolean }[] };
  assert.deepEqual(
    reloaded.sites.map(({ ok }) => ok),
    [true],
  );
  assert.equal((await askSite(port, 'a.test')).siteId, 'a');
  const now = await rig.site('a');
  assert.deepEqual([now.state, now.reason], ['running', undefined]);
});
