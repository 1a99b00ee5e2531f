// The site that wears out behind a master, and what its workers look like.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { MasterStatus, SiteStatus } from '@vhostd/protocol';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';

export const HOST = 'a.test';

/** Starts a master with the site `a`, which is looked at ten times a second. */
export function startWorn(t: TestContext, options: Partial<SiteOptions>): Promise<LoneMaster> {
  const workerFile = siteFile('worn', import.meta.url);
  return startVhostd(t, { sites: [{ siteId: 'a', workerFile, heartbeatInterval: '100ms', ...options }] });
}

/** The site's status. Whenever it is looked at, no more than one worker beyond its own may be coming up or serving. */
export function siteOf({ sites }: MasterStatus, cpuLen: number): SiteStatus {
  const [site] = sites;
  assert.ok(site !== undefined);
  assert.equal(site.state, 'running');
  const inPlace = site.workers.filter(({ state }) => state !== 'draining' && state !== 'exited');
  assert.ok(inPlace.length <= cpuLen + 1, JSON.stringify(inPlace));
  return site;
}
