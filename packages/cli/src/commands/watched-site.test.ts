// `"watch": true` of a site that runs under a daemon.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { appSaying, get, Workspace } from '../cli.test.kit.js';
import type { Running } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void it('is reloaded when a file of it changes, and shows why while it is broken; others are not watched', async () => {
  const sites = ['shop', 'blog'].map((siteId) => ({
    siteId,
    path: siteId,
    cpuLen: 1,
    settleTime: 0,
    watch: siteId === 'shop',
    listen: [{ host: `${siteId}.test`, port: 0, ipaddress: '127.0.0.1' }],
  }));
  for (const { siteId } of sites) workspace.write(`${siteId}/index.js`, appSaying('one'));
  workspace.write('vhostd.config.json', JSON.stringify({ log: { level: 'silent' }, sites }));
  await workspace.daemon();
  const events = workspace.start('events');
  await events.says('subscribed');
  const port = await workspace.port();
  assert.equal(await get(port, 'shop.test'), 'one');
  workspace.write('blog/index.js', appSaying('two'));
  await watched(events);
  workspace.write('shop/index.js', appSaying('two'));
  await events.says('site.reloaded shop generation=2');
  assert.equal(await get(port, 'shop.test'), 'two');
  workspace.write('shop/index.js', `throw new Error('no database');`);
  await events.says('site.broken shop');
  assert.match(await until(port, 'shop is broken'), /no database/);
  const status = await workspace.run('status');
  assert.match(status.stdout, /no database/);
  workspace.write('shop/index.js', appSaying('three'));
  await until(port, 'three');
  await events.says('site.mended shop');
  const { stdout } = await workspace.run('status', 'blog', '--json');
  assert.equal(JSON.parse(stdout).generation, 1);
});

/** It may have been before the events were followed. */
async function watched(events: Running): Promise<void> {
  const { stdout } = await workspace.run('status', 'shop', '--json');
  if (JSON.parse(stdout).watch.files === undefined) await events.says('site.watched shop');
}

/** It is told before it is shown. */
async function until(port: number, text: string): Promise<string> {
  for (;;) {
    const page = await get(port, 'shop.test');
    if (page.includes(text)) return page;
  }
}
