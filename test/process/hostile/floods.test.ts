// Workers say and print as much as they can: the master hears them for a part of its time, and the other site is
// served all the while.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from '../../kit/at-end.js';
import { cpuSeconds } from '../../kit/processes.js';
import { siteFile } from '../../kit/start-vhostd.js';
import { Scene } from './scene.js';

const WORKERS = 8;
const SERVED = 150;
/** The part of the time that the site may take, with what the other site's connections and the noise may take. */
const CPU_MAX_PART = 0.75;
/** What may be done at once after a pause, of several sites' shares, is little beside that. */
const MEASURED_MS = 3000;
/** Of what V8 frees only when so much has gathered, and what is kept of it in memory. */
const GROWN_MAX_MB = 64;

const FLOODS = [
  'empty lines',
  'lines',
  'endless lines',
  'endless lines in bits',
  'confirmations',
  'messages',
  'calls',
  'brackets',
  'updates',
];

for (const what of FLOODS) {
  test(`a flood of ${what} costs the master a part of its time`, async (t) => {
    const scene = await Scene.set(t, {
      workerFile: siteFile('floods', import.meta.url),
      cpuLen: WORKERS,
      // What it prints would be the master's own output.
      site: { logAll: 'flood.log', logRotate: { size: '10mb', keep: 1 }, logFormat: 'prefix' },
    });
    await scene.goOn(20);
    const before = scene.residentMb;
    let grownMb = 0;
    const look = (): void => {
      grownMb = Math.max(grownMb, scene.residentMb - before);
    };
    const timer = setInterval(look, 50);
    atEnd(t, () => clearInterval(timer));
    for (let count = 0; count < WORKERS; count += 1) await scene.attack(what);
    const [cpu, startMs] = [cpuSeconds(scene.vhostd.pid), performance.now()];
    await Promise.all([scene.goOn(SERVED), delay(MEASURED_MS)]);
    const part = ((cpuSeconds(scene.vhostd.pid) - cpu) * 1000) / (performance.now() - startMs);
    look();
    t.diagnostic(`${Math.round(part * 100)} % of a core; the master grew by ${grownMb} MB`);
    assert.ok(part < CPU_MAX_PART, `${part} of a core`);
    assert.ok(grownMb < GROWN_MAX_MB, `${grownMb} MB`);
    await scene.unharmed(t);
  });
}
