// Workers say and print as much as they can: the master hears them for a part of its time, and the other site is
// served all the while.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuSeconds } from '../../kit/processes.js';
import { siteFile } from '../../kit/start-vhostd.js';
import { Scene } from './scene.js';

const WORKERS = 4;
const MOST_WORKERS = 8;
const SERVED = 150;
/** The part of the time that the site may take, with what the other site's connections and the noise may take. */
const CPU_MAX_PART = 0.75;
const GROWN_MAX_MB = 160;

for (const what of ['empty lines', 'lines', 'confirmations', 'messages', 'calls', 'brackets', 'updates']) {
  test(`a flood of ${what} costs the master a part of its time`, async (t) => {
    const scene = await Scene.set(t, { workerFile: siteFile('floods', import.meta.url), cpuLen: WORKERS });
    await scene.goOn(20);
    const before = scene.residentMb;
    for (let count = 0; count < WORKERS; count += 1) await scene.attack(what);
    const [cpu, startMs] = [cpuSeconds(scene.vhostd.pid), performance.now()];
    await scene.goOn(SERVED);
    const part = ((cpuSeconds(scene.vhostd.pid) - cpu) * 1000) / (performance.now() - startMs);
    const grownMb = scene.residentMb - before;
    t.diagnostic(`${Math.round(part * 100)} % of a core; the master grew by ${grownMb} MB`);
    assert.ok(part < CPU_MAX_PART, `${part} of a core`);
    assert.ok(grownMb < GROWN_MAX_MB, `${grownMb} MB`);
    // An update asks for more of them.
    await scene.unharmed(t, { workersMore: what === 'updates' ? MOST_WORKERS - WORKERS : 0 });
  });
}
