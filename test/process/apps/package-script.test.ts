// Sites whose conf says `npm start`, as they are started without vhostd.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { Asking, HOST } from './app.js';

const APP = `require('node:http')
  .createServer((q, r) => r.end([process.env.MODE, global.loaded, ...process.argv.slice(2)].join()))
  .listen(1);`;

/** The directory of a package with this script. */
function packageWith(t: TestContext, start: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-package-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ scripts: { start } }));
  writeFileSync(join(dir, 'first.js'), 'global.loaded = true;');
  writeFileSync(join(dir, 'app.js'), APP);
  return dir;
}

void it('npm start is what its script runs, and a reload reads the script anew', async (t) => {
  const path = packageWith(t, 'MODE=one node -r ./first.js app.js a');
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', path, workerFile: 'npm', workerArgs: ['start', '--', 'b'] }],
  });
  const port = await vhostd.port();
  assert.equal((await get(port, HOST)).body.toString(), 'one,true,a,b');
  const asking = new Asking(port);
  await asking.progress(20);
  writeFileSync(join(path, 'package.json'), JSON.stringify({ scripts: { start: 'MODE=two node app.js' } }));
  await vhostd.reloaded('a');
  await asking.progress(20);
  await asking.stop();
  assert.deepEqual(asking.failures, []);
  assert.equal((await get(port, HOST)).body.toString(), 'two,,b');
});

void it('a script that is more than that says what to write instead, and a reload leaves the old one serving', async (t) => {
  const path = packageWith(t, 'node app.js');
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', path, workerFile: 'pnpm', workerArgs: ['start'] }],
  });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ scripts: { start: 'node app.js | cat' } }));
  const { sites } = await vhostd.reload('a');
  assert.equal(sites[0]?.error?.code, 'ERR_SITE_SCRIPT');
  assert.match(sites[0].error.message, /'pnpm start' cannot be run: .*"workerFile": "server.js"/);
  assert.equal((await get(await vhostd.port(), HOST)).status, 200);
});
