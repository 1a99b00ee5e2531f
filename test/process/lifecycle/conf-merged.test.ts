// `merged` of a site whose code leaves it to the conf file where it is served.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';

const workerFile = siteFile('merging', import.meta.url);

void it('sees the conf of the file once, and what it adds is in force before the site is published', async (t) => {
  const vhostd = await startVhostd(t, { sites: [{ siteId: 'a', workerFile }] });
  const port = await vhostd.port();
  for (const host of ['a.test', 'added.test'])
    assert.equal((await get(port, host)).body.toString(), 'merged');
  assert.deepEqual((await vhostd.site('a')).hosts.toSorted(), ['a.test', 'added.test']);
});

void it('fails the reload when it fails', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
  vhostd.change('a', { workerFile, workerOptions: { env: { FIELD: 'failure' } } });
  const { code, stdout } = await vhostd.run('reload', 'a');
  assert.match(stdout, /nothing to add to a\.test/);
  assert.equal(code, 1);
  assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
});
