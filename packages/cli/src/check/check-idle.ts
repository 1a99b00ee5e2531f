// Whether a site whose conf wants it frozen would ever be, and not all the time.
import type { SiteConf } from '@vhostd/master';
import { idleStopOf } from '@vhostd/master/idle-stop';
import type { Finding } from './finding.js';

export function checkIdle(
  site: Pick<SiteConf, 'siteId' | 'cpuLen' | 'idleFreezeMs' | 'idleStopMs'>,
): Finding[] {
  const { siteId, idleFreezeMs } = site;
  if (idleFreezeMs === undefined) return [];
  const found = (message: string, todo: string): Finding => ({
    level: 'warning',
    subject: siteId,
    message,
    todo,
  });
  const findings: Finding[] = [];
  if (idleFreezeMs < SHORT_MS) {
    const message = `idleFreeze is ${idleFreezeMs} ms: its workers would be stopped and let go on between two requests of one client`;
    findings.push(found(message, 'a number is milliseconds; write it with its unit, such as "10m"'));
  }
  const idleStopMs = idleStopOf(site);
  if (idleStopMs !== undefined && idleFreezeMs >= idleStopMs) {
    const which = site.idleStopMs === undefined ? 'idleStop, 10m where cpuLen is 0' : 'idleStop';
    const message = `idleFreeze is not less than ${which}: its workers are gone before they would stand still`;
    findings.push(found(message, 'make idleFreeze less than idleStop, or leave it out'));
  }
  return findings;
}

const SHORT_MS = 1000;
