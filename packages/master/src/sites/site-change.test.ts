import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changedSite } from './site-change.js';

const added = {
  baseDir: '/srv',
  site: {
    path: 'shop',
    cpuLen: 2,
    workerOptions: { cwd: '/srv', env: { A: '1', B: '2' } },
    listen: [
      { host: 'a.test', port: 80 },
      { host: 'b.test', port: 80 },
    ],
  },
};

void describe('a site that was added and is changed', () => {
  void it('has the fields that are given, variables one by one, and loses those that are null', () => {
    const { site, baseDir } = changedSite('shop', added, {
      site: { cpuLen: null, user: 'www', workerOptions: { env: { B: '3', A: null } } },
    });
    assert.deepEqual(
      { site, baseDir },
      {
        baseDir: '/srv',
        site: {
          siteId: 'shop',
          path: 'shop',
          user: 'www',
          workerOptions: { cwd: '/srv', env: { B: '3' } },
          listen: added.site.listen,
        },
      },
    );
  });

  void it('keeps its hosts at another port, its port for other hosts, and gets both where it had none', () => {
    const listen = (where: object, site: object = {}): unknown =>
      changedSite('shop', { ...added, site: { ...added.site, ...site } }, { where }).site['listen'];
    assert.deepEqual(listen({ port: 81 }), [
      { host: 'a.test', port: 81 },
      { host: 'b.test', port: 81 },
    ]);
    assert.deepEqual(listen({ hosts: ['c.test'], ipaddress: '127.0.0.1' }), [
      { host: 'c.test', port: 80, ipaddress: '127.0.0.1' },
    ]);
    assert.deepEqual(listen({ port: 82 }, { listen: [] }), [{ port: 82 }]);
    assert.deepEqual(listen({ hosts: ['c.test'], port: 82 }, { listen: [] }), [{ port: 82, host: 'c.test' }]);
  });

  void it('that has several addresses is given other hosts at each, and no other port', () => {
    const several = { ...added, site: { ...added.site, listen: [{ port: 80 }, { port: 443, type: 'ssl' }] } };
    assert.deepEqual(changedSite('shop', several, { where: { hosts: ['c.test'] } }).site['listen'], [
      { port: 80, host: 'c.test' },
      { port: 443, type: 'ssl', host: 'c.test' },
    ]);
    assert.throws(() => changedSite('shop', several, { where: { port: 81 } }), { code: 'ERR_SITE_OPTION' });
  });
});
