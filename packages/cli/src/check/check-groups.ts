// Whether the kernel of this machine can hold the `limits` of sites: told once, of all sites.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { MasterConf } from '@vhostd/master';
import type { Finding } from './finding.js';

/** @param mountinfo As /proc/self/mountinfo, proc(5). */
export function checkGroups({ sites }: MasterConf, mountinfo = '/proc/self/mountinfo'): Finding[] {
  const limited = sites.filter(({ limits }) => limits !== undefined);
  if (limited.length === 0) return [];
  const controllers = controllersOf(mountinfo);
  const asked = new Set(limited.flatMap(({ limits }) => Object.keys(limits ?? {}).map(controllerOf)));
  const missing = [...asked].filter((controller) => controllers?.includes(controller) !== true);
  if (controllers !== undefined && missing.length === 0) return [];
  const what =
    controllers === undefined
      ? 'no control groups of version 2'
      : `no controller of version 2 for ${missing.join(', ')}`;
  return [
    {
      level: 'warning',
      subject: 'limits',
      message: `this kernel has ${what}: ${limited.map(({ siteId }) => siteId).join(', ')} would be served without`,
      todo: 'mount cgroup2 with these controllers (systemd.unified_cgroup_hierarchy=1), or leave them out',
    },
  ];
}

/** Those that the machine has; undefined: it has no such groups. */
function controllersOf(mountinfo: string): string[] | undefined {
  try {
    const mount = readFileSync(mountinfo, 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2')?.[4];
    if (mount === undefined) return undefined;
    return readFileSync(path.join(mount, 'cgroup.controllers'), 'utf8').trim().split(' ');
  } catch {
    return undefined;
  }
}

function controllerOf(limit: string): string {
  if (limit === 'memoryHigh') return 'memory';
  return limit === 'cpuWeight' ? 'cpu' : limit;
}
