// A site whose workers accept connections by themselves.
import type { AnyStatus, SiteOptions, Vhostd } from '../../kit/vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

export const HOST = 'a.test';

/** One entry of 127.0.0.1 for the host. */
export const DIRECT: Record<string, unknown> = {
  host: HOST,
  port: 0,
  ipaddress: '127.0.0.1',
  accept: 'direct',
};

export function directSite(fields: Record<string, unknown> = {}): SiteOptions {
  return { siteId: 'a', cpuLen: 2, listen: [DIRECT], ...fields };
}

/** Waits until the workers accept, and the master does not. */
export async function direct<S extends AnyStatus>(vhostd: Vhostd<S>, port: number): Promise<void> {
  for (;;) {
    const before = accepted(await vhostd.status());
    const clients = await Promise.all(Array.from({ length: 4 }, () => WireClient.open(port)));
    const { byWorkers, byMaster } = accepted(
      await vhostd.until('all have been accepted', (status) => {
        const now = accepted(status);
        return now.byWorkers + now.byMaster >= before.byWorkers + before.byMaster + clients.length;
      }),
    );
    for (const client of clients) client.close();
    if (byMaster === before.byMaster && byWorkers > before.byWorkers) return;
  }
}

/** Who has accepted how many connections. */
export function accepted({ counts }: AnyStatus): { byWorkers: number; byMaster: number } {
  return { byWorkers: counts?.acceptedDirectly ?? 0, byMaster: counts?.accepted ?? 0 };
}
