import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseSite } from './parse-conf.js';
import { shownConf } from './shown-conf.js';

void it('a conf is shown with the names of variables and the paths of keys, and with no secret', () => {
  const conf = parseSite(
    {
      siteId: 'shop',
      path: '/srv/shop',
      workerOptions: { env: { DATABASE_URL: 'postgres://u:hunter2@db' } },
      listen: [
        { type: 'ssl', host: 'a.test', port: 443, key: '/k.pem', cert: '/c.pem', passphrase: 'hunter2' },
        {
          type: 'ssl',
          host: 'b.test',
          port: 443,
          key: '-----BEGIN PRIVATE KEY-----\nhunter2',
          cert: '/c.pem',
        },
      ],
    },
    { baseDir: '/' },
  );
  const shown = shownConf(conf);
  assert.ok(!JSON.stringify(shown).includes('hunter2'));
  assert.deepEqual(Reflect.get(shown['workerOptions'] as object, 'env'), ['DATABASE_URL']);
  const [first, second] = shown['listen'] as Record<string, unknown>[];
  assert.deepEqual([first?.['key'], first?.['passphrase'], second?.['key']], ['/k.pem', '(set)', '(set)']);
  assert.equal(shown['path'], '/srv/shop');
});
