// An app that says on its standard error why it can't run is heard.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startVhostd } from '../../kit/start-vhostd.js';
import { writeApp } from './app.js';

const SOURCE = `console.error('FATAL: DATABASE_URL is not set');
process.exit(1);`;

test('the last lines of an app that ends stand in the status, in the log and in what a reload says', async (t) => {
  const restart = { intensity: 2, backoffMin: '1ms', backoffMax: '1ms' };
  const sites = [{ siteId: 'a', workerFile: writeApp(t, SOURCE), restart }];
  const vhostd = await startVhostd(t, { daemon: true, wait: false, sites });
  const words = /exited with code 1; gave up after 2 restarts .*; it printed: FATAL: DATABASE_URL is not set/;
  await vhostd.until('it is given up with its words', ({ sites: [a] }) => words.test(a?.reason ?? ''));
  await vhostd.until('so is its worker', ({ sites: [a] }) => words.test(a?.workers[0]?.reason ?? ''));
  const [givenUp] = await vhostd.logs('site.given-up');
  assert.match(JSON.stringify(givenUp), words);
  const reload = await vhostd.run('reload', 'a');
  assert.match(JSON.stringify(reload), /it printed: FATAL: DATABASE_URL is not set/);
});
