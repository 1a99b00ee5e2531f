// A site whose workers end at once is restarted ever more slowly, then given up with its reason; other sites do not
// notice, and a reload with code that works brings it back.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from '../../kit/at-end.js';
import { askSite, get } from '../../kit/ask-site.js';
import { cpuSeconds } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { Load } from '../../kit/load.js';

const INTENSITY = 5;
const BACKOFF_MS = [50, 100, 200, 400, 800];
/** How long the CPU of a master at rest is measured. */
const REST_MS = 2000;

test('a restart storm is bounded, told of and harms nobody else', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  const [code, starts] = [join(dir, 'site.mjs'), join(dir, 'starts')];
  const good = `import ${JSON.stringify(`file://${siteFile('echo')}`)};`;
  const bad =
    `import { appendFileSync } from 'node:fs';` +
    `appendFileSync(${JSON.stringify(starts)}, \`\${process.env.NODE_UNIQUE_ID} \${performance.timeOrigin}\\n\`);` +
    `process.exit(3);`;
  writeFileSync(code, good);
  writeFileSync(starts, '');
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        workerFile: code,
        restart: { intensity: INTENSITY, period: '10m', backoffMin: '50ms', backoffMax: '10s' },
      },
      { siteId: 'b' },
    ],
  });
  const port = await vhostd.port();
  const [first] = await vhostd.workers('a');
  const load = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
  writeFileSync(code, bad);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  const status = await vhostd.until('it is given up', ({ sites }) => sites[0]?.state === 'errored', 60_000);
  const other = await load.stop();

  const startedMs = readFileSync(starts, 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[1]));
  const gapsMs = startedMs.slice(1).map((ms, index) => ms - (startedMs[index] ?? 0));
  const cpuBefore = cpuSeconds(vhostd.pid);
  await delay(REST_MS);
  const share = (cpuSeconds(vhostd.pid) - cpuBefore) / (REST_MS / 1000);
  t.diagnostic(
    `${startedMs.length} spawns of ${INTENSITY} allowed, ${gapsMs.map((ms) => Math.round(ms)).join(', ')} ms apart; ` +
      `then ${(share * 100).toFixed(1)} % of a CPU; other site: ${String(other)}`,
  );
  // The first restart follows the kill; its gap is not among these.
  assert.equal(startedMs.length, INTENSITY);
  for (const [index, gapMs] of gapsMs.entries()) assert.ok(gapMs >= (BACKOFF_MS[index + 1] ?? 0), `${gapMs}`);
  const [reason = '', help] = status.sites[0]?.reason?.split(/; (?=vhostd )/) ?? [];
  assert.match(reason, /^worker a\/\d+ exited with code 3; gave up after 5 restarts within 600 s$/);
  assert.equal(help, 'vhostd reload a starts it anew');
  assert.equal(status.sites[0]?.workers[0]?.state, 'errored');
  const errors = vhostd.events.flatMap(({ event, data }) => (event === 'error' ? [data] : []));
  assert.deepEqual(errors, [{ siteId: 'a', message: reason }]);
  assert.ok(share < 0.05);
  other.assertNothingLost('the other site');
  assert.equal(status.sites[1]?.workers[0]?.restarts, 0);

  const refused = await get(port, 'a.test');
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1']);
  const failed = await vhostd.reload('a');
  assert.deepEqual(
    failed.sites.map(({ ok, error }) => [ok, error?.code]),
    [[false, 'ERR_WORKER_EXITED']],
  );
  assert.equal((await vhostd.site('a')).state, 'errored');

  writeFileSync(code, good);
  const reloaded = await vhostd.reload('a');
  assert.deepEqual(
    reloaded.sites.map(({ ok }) => ok),
    [true],
  );
  assert.equal((await askSite(port, 'a.test')).siteId, 'a');
  const now = await vhostd.site('a');
  assert.deepEqual([now.state, now.reason], ['running', undefined]);
});
