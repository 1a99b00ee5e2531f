// Whether sites whose conf wants spares would have them, and what all of them take.
import type { MasterConf } from '@vhostd/master';
import { spareHindrance } from '@vhostd/master/spare-hindrance';
import type { Finding } from './finding.js';

export async function checkSpares({ sites, handoff }: MasterConf): Promise<Finding[]> {
  const warm = sites.filter((site) => (site.warm ?? 0) > 0);
  if (warm.length === 0) return [];
  if (handoff === 'ipc') {
    const names = warm.map(({ siteId }) => siteId).join(', ');
    const message = `with "handoff": "ipc" there are no spares: ${names} would boot each worker when it is needed`;
    return [{ level: 'warning', subject: 'warm', message, todo: 'leave handoff out, or warm' }];
  }
  const hindered = await Promise.all(warm.map((site) => checkOptions(site)));
  return [...hindered.flat(), ...checkCount(warm)];
}

async function checkOptions(site: MasterConf['sites'][number]): Promise<Finding[]> {
  const option = await spareHindrance(site);
  if (option === undefined) return [];
  return [
    {
      level: 'warning',
      subject: site.siteId,
      message: `with ${option} it has no spares: Node does that when a process starts, and a spare would have what was there before`,
      todo: `leave warm out, or ${option} of execArgv, the script and NODE_OPTIONS; envFile of the conf is read for each reload`,
    },
  ];
}

function checkCount(warm: MasterConf['sites']): Finding[] {
  const count = warm.reduce((sum, site) => sum + (site.warm ?? 0), 0);
  if (count <= MANY) return [];
  const message = `${count} processes would wait beside the workers, each with 11 to 17 MB of memory of its own`;
  return [{ level: 'warning', subject: 'warm', message, todo: 'as many as are needed at once are enough' }];
}

/** A gigabyte. */
const MANY = 64;
