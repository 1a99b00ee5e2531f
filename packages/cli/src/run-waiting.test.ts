import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Workspace } from './cli.test.kit.js';

const SITE = `
if (require('node:fs').existsSync('broken')) throw new Error('broken, as the test asked');
require('node:http').createServer((_request, response) => response.end('ok')).listen(80);
`;

test('run --json prints an object a line: what sites print, and which of them are up', async (t) => {
  const workspace = new Workspace();
  t.after(() => workspace.clear());
  workspace.write('a/server.cjs', `console.log('begins'); ${SITE}`);
  const broken = workspace.write('a/broken', '');
  const site = { path: 'a', workerFile: 'server.cjs', cpuLen: 1 };
  const restart = { intensity: 1000, backoffMax: '200ms' };
  workspace.write('vhostd.config.json', JSON.stringify({ sites: [{ ...site, restart }] }));
  const daemon = workspace.start('run', '--config', 'vhostd.config.json', '--log-level', 'silent', '--json');
  await daemon.says('"event":"failed"');
  rmSync(broken);
  await daemon.says('"event":"ready"');
  daemon.process.kill('SIGTERM');
  const lines = (await daemon.ended).stdout.trimEnd().split('\n');
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(told.some(({ siteId, line }) => siteId === 'a' && line === 'begins'));
  const failed = told.find(({ event }) => event === 'failed');
  assert.match(
    JSON.stringify(failed),
    /"failed":\[\{"siteId":"a","message":"[^"]*broken, as the test asked/u,
  );
  assert.deepEqual(
    told.find(({ event }) => event === 'ready'),
    { event: 'ready', failed: [] },
  );
});

test('run says which sites are not up, names the site that keeps another one from starting, and is ready when both are up', async (t) => {
  const workspace = new Workspace();
  t.after(() => workspace.clear());
  for (const siteId of ['a', 'b']) workspace.write(`${siteId}/server.cjs`, SITE);
  const broken = workspace.write('b/broken', '');
  const sites = [
    { path: 'a', dependencies: ['b'] },
    { path: 'b', restart: { intensity: 1000, backoffMax: '200ms' } },
  ].map((site) => ({ ...site, workerFile: 'server.cjs', cpuLen: 1 }));
  const file = workspace.write('vhostd.config.json', JSON.stringify({ log: { level: 'silent' }, sites }));
  const daemon = workspace.start('run', '--config', path.basename(file), '--log-level', 'silent');
  await daemon.says(
    'vhostd: site a: it waits for site b, which has failed: broken, as the test asked (ERR_SITE_WAITS)\n',
    'stderr',
  );
  await daemon.says('vhostd ready: 0 of 2 sites; up: none; not up: a, b\n');
  const { stdout } = await workspace.run('status');
  assert.match(stdout, /^a +waiting +0\/0 /m);
  assert.match(stdout, /^a: it waits for site b, which has failed: broken, as the test asked$/m);
  rmSync(broken);
  await daemon.says('vhostd ready\n');
  assert.match((await workspace.run('status')).stdout, /^a +running +1\/1 /m);
});

test('run does not say that it is ready when a site that is not up is reloaded in vain', async (t) => {
  const workspace = new Workspace();
  t.after(() => workspace.clear());
  workspace.write('a/server.cjs', SITE);
  workspace.write('a/broken', '');
  const site = { path: 'a', workerFile: 'server.cjs', cpuLen: 1 };
  const restart = { intensity: 1000, backoffMin: '50ms', backoffMax: '200ms' };
  workspace.write('vhostd.config.json', JSON.stringify({ sites: [{ ...site, restart }] }));
  const daemon = workspace.start('run', '--config', 'vhostd.config.json', '--log-level', 'silent');
  await daemon.says('vhostd ready: 0 of 1 sites; up: none; not up: a\n');
  const reload = await workspace.run('reload', 'a');
  assert.match(reload.stdout + reload.stderr, /a: failed: broken, as the test asked/);
  daemon.process.kill('SIGTERM');
  assert.doesNotMatch((await daemon.ended).stdout, /vhostd ready$/m);
});
