// The exchange site behind a master, for the tests of reloads.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Rig, siteFile } from '../../kit/rig.js';
import type { SiteOptions } from '../../kit/rig.js';

export const HOST = 'a.test';

/** Starts a master with the exchange site `a`, two workers unless the options say otherwise. */
export function startSite(
  t: TestContext,
  options: Partial<SiteOptions> = {},
  conf: Record<string, unknown> = {},
): Promise<Rig> {
  return Rig.start(t, {
    sites: [
      {
        siteId: 'a',
        ...(options['listen'] === undefined ? { hosts: [HOST] } : {}),
        workerFile: siteFile('exchange'),
        cpuLen: 2,
        drainTimeout: '30s',
        ...options,
      },
    ],
    conf,
    setup: new URL('./reload.commands.js', import.meta.url),
  });
}

/** Replaces the site's workers; resolves once the new ones serve, while the old ones may still drain. */
export async function reload(rig: Rig): Promise<void> {
  const { sites } = (await rig.ask('reload', 'a')) as { sites: { ok: boolean }[] };
  assert.deepEqual(
    sites.map(({ ok }) => ok),
    [true],
    rig.output,
  );
}

/** Resolves once every worker of an earlier generation has gone. */
export async function drained(rig: Rig): Promise<void> {
  await rig.until('no worker drains', ({ sites }) => {
    const [site] = sites;
    return site?.workers.every(({ generation }) => generation === site.generation) === true;
  });
}
