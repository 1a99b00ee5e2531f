// The one way in which a test starts vhostd.
import type { TestContext } from 'node:test';
import { atEnd } from './at-end.js';
import type { EmbeddedDaemon, EmbeddedDaemonOptions } from './embedded-daemon.js';
import type { FullVhostd, FullVhostdOptions } from './full-vhostd.js';
import { LoneMaster } from './lone-master.js';
import type { LoneMasterOptions } from './lone-master.js';

export type { EmbeddedDaemon } from './embedded-daemon.js';
export type { FullVhostd } from './full-vhostd.js';
export type { LoneMaster } from './lone-master.js';
export { portOf, serves, settled, siteFile, workerPids } from './vhostd.js';
export type { LogLine, SiteOptions } from './vhostd.js';

/** `false`: does not wait until the sites are served. Default: true. */
interface Waiting {
  wait?: boolean;
}

/**
 * Starts vhostd in a directory of its own and waits until its sites are served; the end of the test ends it.
 *
 * - `daemon` absent or false: a master alone, as a child of the test. The fastest, and enough for all that is
 *   between clients, master and workers.
 * - `daemon: true`: `vhostd run` as an operator starts it, or the `program` that the options name.
 * - `daemon: { … }`: a `Daemon` with these options in the test's own process.
 */
export async function startVhostd(
  t: TestContext,
  options: LoneMasterOptions & Waiting & { daemon?: false },
): Promise<LoneMaster>;
export async function startVhostd(
  t: TestContext,
  options: FullVhostdOptions & Waiting & { daemon: true },
): Promise<FullVhostd>;
export async function startVhostd(
  t: TestContext,
  options: EmbeddedDaemonOptions & Waiting,
): Promise<EmbeddedDaemon>;
export async function startVhostd(
  t: TestContext,
  options: Waiting &
    (
      | (LoneMasterOptions & { daemon?: false })
      | (FullVhostdOptions & { daemon: true })
      | EmbeddedDaemonOptions
    ),
): Promise<LoneMaster | FullVhostd | EmbeddedDaemon> {
  const vhostd = await create(options);
  atEnd(t, () => vhostd.close(t));
  if (options.wait !== false) await vhostd.published();
  return vhostd;
}

async function create(
  options:
    (LoneMasterOptions & { daemon?: false }) | (FullVhostdOptions & { daemon: true }) | EmbeddedDaemonOptions,
): Promise<LoneMaster | FullVhostd | EmbeddedDaemon> {
  const { daemon } = options;
  // The daemon's code takes a while to load, which most tests can do without.
  if (daemon === true) {
    const { FullVhostd: Full } = await import('./full-vhostd.js');
    return new Full(options);
  }
  if (typeof daemon === 'object') {
    const { EmbeddedDaemon: Embedded } = await import('./embedded-daemon.js');
    return new Embedded(options);
  }
  return new LoneMaster(options);
}
