// The echo site behind a master, for the tests of reloads.
import type { TestContext } from 'node:test';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';

export const HOST = 'a.test';

/** Starts a master with the echo site `a`, two workers unless the options say otherwise. */
export async function startSite(t: TestContext, options: Partial<SiteOptions> = {}): Promise<LoneMaster> {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', cpuLen: 2, drainTimeout: '30s', ...options }],
    commands: new URL('./reload.commands.js', import.meta.url),
  });
  await vhostd.ready();
  return vhostd;
}
