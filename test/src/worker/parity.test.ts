// A site behind a master sees its connections as if it had accepted them itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite } from '../kit/ask-site.js';
import { Rig, siteFile } from '../kit/rig.js';

test('a request reaches the site of its host, and the site sees the address of the client', async (t) => {
  const rig = await Rig.start(t, {
    sites: [
      { siteId: 'a', hosts: ['a.test'], workerFile: siteFile('echo'), cpuLen: 1 },
      { siteId: 'b', hosts: ['*.b.test'], workerFile: siteFile('echo'), cpuLen: 1 },
    ],
  });
  const port = await rig.port();
  const seen = await askSite(port, 'a.test');
  assert.equal(seen.siteId, 'a');
  assert.equal(seen.remoteAddress, '127.0.0.1');
  assert.equal(seen.localPort, port);
  assert.equal((await askSite(port, 'x.b.test')).siteId, 'b');
});
