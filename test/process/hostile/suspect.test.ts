// A site whose workers bring masters down while they are heard is given up before the master is.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { askSite } from '../../kit/ask-site.js';
import { portOf, startVhostd } from '../../kit/start-vhostd.js';

const SITE = `
  const { existsSync } = require('node:fs');
  require('node:http').createServer((_request, response) => response.end('good')).listen(8080);
  if (!existsSync('repaired')) setTimeout(() => process.send('die'), 200);`;

test('masters that die of what a site says are blamed on it: the others go on without it', async (t) => {
  const vhostd = await startVhostd(t, {
    daemon: true,
    wait: false,
    env: { NODE_OPTIONS: `--import=${new URL('./fault.child.js', import.meta.url).href}` },
    prepare: (dir) => writeFileSync(join(dir, 'site.cjs'), SITE),
    sites: [{ siteId: 'a', workerFile: 'site.cjs' }, { siteId: 'b' }],
  });
  const status = await vhostd.until('the site is given up', ({ sites }) =>
    sites.some(({ siteId, reason }) => siteId === 'a' && /3 masters died/.test(reason ?? '')),
  );
  t.diagnostic(`after ${status.master?.restarts} restarts of the master`);
  const { listeners, sites } = await vhostd.ready('b');
  assert.equal((await askSite(portOf({ listeners, sites }), 'b.test')).siteId, 'b');
  vhostd.touch('repaired');
  await vhostd.reloaded('a');
  const [a] = (await vhostd.ready()).sites;
  assert.deepEqual([a?.state, a?.reason], ['running', undefined]);
});
