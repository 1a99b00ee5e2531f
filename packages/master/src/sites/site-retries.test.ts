import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import type { WireError } from '@vhostd/protocol';
import { SiteRetries } from './site-retries.js';

const IN_USE: WireError = { code: 'ERR_LISTEN_ADDRESS_IN_USE', message: 'taken' };

/** A site whose starts a test counts and answers. */
class FakeSite {
  readonly siteId = 'a';
  blocked = true;
  starts = 0;
  outcome: WireError | undefined = IN_USE;
}

function retriesOf(site: FakeSite): SiteRetries<FakeSite> {
  const retries: SiteRetries<FakeSite> = new SiteRetries((given) => {
    given.starts += 1;
    retries.after(given, given.outcome);
    return Promise.resolve();
  });
  retries.after(site, site.outcome);
  return retries;
}

void describe('SiteRetries', () => {
  void it('tries again after 100 ms, later every 5 s, until the site is up', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const site = new FakeSite();
    retriesOf(site);
    t.mock.timers.tick(99);
    assert.equal(site.starts, 0);
    t.mock.timers.tick(1);
    assert.equal(site.starts, 1);
    for (const delayMs of [200, 400, 800, 1600, 3200]) t.mock.timers.tick(delayMs);
    assert.equal(site.starts, 6);
    t.mock.timers.tick(5000);
    assert.equal(site.starts, 7);
    site.outcome = undefined;
    t.mock.timers.tick(5000);
    assert.equal(site.starts, 8);
    t.mock.timers.tick(60_000);
    assert.equal(site.starts, 8);
  });

  void it('says whether the site waited before', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const site = new FakeSite();
    const retries = new SiteRetries<FakeSite>(() => Promise.resolve());
    assert.equal(retries.after(site, IN_USE), false);
    assert.equal(retries.after(site, IN_USE), true);
    assert.equal(retries.after(site, undefined), false);
    assert.equal(retries.after(site, IN_USE), false);
    retries.close();
    mock.timers.reset();
  });

  void it('leaves alone what failed otherwise, what a reload brought up, and everything once it is closed', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const broken = new FakeSite();
    broken.outcome = { code: 'ERR_WORKER_EXITED', message: 'it threw' };
    retriesOf(broken);
    const reloaded = new FakeSite();
    retriesOf(reloaded);
    reloaded.blocked = false;
    const closed = new FakeSite();
    retriesOf(closed).close();
    t.mock.timers.tick(60_000);
    assert.deepEqual([broken.starts, reloaded.starts, closed.starts], [0, 0, 0]);
  });
});
