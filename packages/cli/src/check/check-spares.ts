// Whether sites whose conf wants spares would have them, and what all of them take.
import type { MasterConf } from '@vhostd/master';
import type { Finding } from './finding.js';

export function checkSpares({ sites, handoff }: MasterConf): Finding[] {
  const warm = sites.filter((site) => (site.warm ?? 0) > 0);
  if (warm.length === 0) return [];
  if (handoff === 'ipc') {
    const names = warm.map(({ siteId }) => siteId).join(', ');
    const message = `with "handoff": "ipc" there are no spares: ${names} would boot each worker when it is needed`;
    return [{ level: 'warning', subject: 'warm', message, todo: 'leave handoff out, or warm' }];
  }
  const count = warm.reduce((sum, site) => sum + (site.warm ?? 0), 0);
  if (count <= MANY) return [];
  const message = `${count} processes would wait beside the workers, each with 11 to 17 MB of memory of its own`;
  return [{ level: 'warning', subject: 'warm', message, todo: 'as many as are needed at once are enough' }];
}

/** A gigabyte. */
const MANY = 64;
