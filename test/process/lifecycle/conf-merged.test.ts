// `merged` of a site whose code leaves it to the conf file where it is served.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { DaemonRig } from '../../kit/daemon-rig.js';
import { Rig, siteFile } from '../../kit/rig.js';

const workerFile = new URL('./merging.site.js', import.meta.url).pathname;

void it('sees the conf of the file once, and what it adds is in force before the site is published', async (t) => {
  const rig = await Rig.start(t, { sites: [{ siteId: 'a', hosts: ['a.test'], cpuLen: 1, workerFile }] });
  const port = await rig.port();
  for (const host of ['a.test', 'added.test'])
    assert.equal((await get(port, host)).body.toString(), 'merged');
  assert.deepEqual((await rig.site('a')).hosts.toSorted(), ['a.test', 'added.test']);
});

void it('fails the reload when it fails', async (t) => {
  const site = { siteId: 'a', hosts: ['a.test'], cpuLen: 1 };
  const rig = await DaemonRig.start(t, [{ ...site, workerFile: siteFile('echo') }]);
  rig.configure([{ ...site, workerFile, workerOptions: { env: { FIELD: 'failure' } } }]);
  const { code, stdout } = await rig.run('reload', 'a');
  assert.match(stdout, /nothing to add to a\.test/);
  assert.equal(code, 1);
  assert.equal((await get(await rig.port(), 'a.test')).status, 200);
});
