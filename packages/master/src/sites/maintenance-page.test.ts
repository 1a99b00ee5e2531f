import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMaintenancePage } from './maintenance-page.js';

test('a plain page shows the message, and nothing in it is markup', async () => {
  const { html } = await readMaintenancePage({ siteId: 'a' }, { message: `<script>"&'</script>` });
  assert.match(html, /<p>&#60;script&#62;&#34;&#38;&#39;&#60;\/script&#62;<\/p>/);
  assert.doesNotMatch(html, /<script/);
  assert.match((await readMaintenancePage({ siteId: 'a' }, {})).html, /<p>This site is being worked on/);
});

test("the site's own page is taken as it is, or refused with the reason", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const read = (name: string): Promise<{ html: string }> =>
    readMaintenancePage({ siteId: 'a', maintenancePage: join(dir, name) }, { message: 'unused' });
  writeFileSync(join(dir, 'good'), '<p>ü</p>');
  writeFileSync(join(dir, 'empty'), '');
  assert.deepEqual([(await read('good')).html, (await read('empty')).html], ['<p>ü</p>', '']);
  writeFileSync(join(dir, 'latin1'), Buffer.from([0xfc]));
  writeFileSync(join(dir, 'large'), Buffer.alloc(524_289, 'x'));
  assert.equal(spawnSync('mkfifo', [join(dir, 'pipe')]).status, 0);
  const wrong: [string, RegExp][] = [
    ['missing', /ENOENT/],
    ['latin1', /it is not in UTF-8$/],
    ['large', /it has 524289 bytes; 524288 are the limit$/],
    ['pipe', /it is no regular file$/],
    ['.', /it is no regular file$|EISDIR/],
  ];
  for (const [name, message] of wrong)
    await assert.rejects(read(name), { code: 'ERR_MAINTENANCE_PAGE', message });
});
