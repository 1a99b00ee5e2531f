// Whether an `allow` holds for the site that has it: processes of one user trust one another, whatever a conf says. And
// what a site with a user of its own does without, since it is not trusted.
import type { MasterConf } from '@vhostd/master';
import type { Finding } from './finding.js';

/** One warning for all sites that run as vhostd's user, and one for each user that several run as. */
export function checkFences({ sites }: MasterConf): Finding[] {
  const fenced = sites.filter(({ allow, trusted }) => !trusted && hasBounds(allow));
  const unheld = fenced.filter(({ runAs }) => runAs === undefined);
  const findings: Finding[] = [];
  if (unheld.length > 0) {
    findings.push({
      level: 'warning',
      subject: names(unheld),
      message:
        "an allow holds only for a site with a user of its own: its code may do all that vhostd's user may",
      todo: 'give it a "user", for which vhostd must run as root, or say "trusted": true of it',
    });
  }
  for (const uid of new Set(fenced.flatMap(({ runAs }) => runAs?.uid ?? []))) {
    const sharing = sites.filter(({ runAs }) => runAs?.uid === uid);
    if (sharing.length < 2) continue;
    findings.push({
      level: 'warning',
      subject: names(sharing),
      message: `they run as one user (${uid}): what is allowed to one of them, all can do`,
      todo: 'give each a "user" of its own, or say "trusted": true of those that have an allow',
    });
  }
  const directly = sites.filter(
    ({ runAs, trusted, listen }) =>
      runAs !== undefined && !trusted && listen.some(({ accept }) => accept === 'direct'),
  );
  if (directly.length > 0) {
    findings.push({
      level: 'warning',
      subject: names(directly),
      message:
        'accept "direct" is not for a site with a user of its own: it could have the socket block, and vhostd with it',
      todo: 'leave it out, and the master accepts, as it does now; or say "trusted": true of it',
    });
  }
  return findings;
}

function hasBounds({ hosts, ports, ipaddresses, cpuLen }: MasterConf['sites'][number]['allow']): boolean {
  return [hosts, ports, ipaddresses, cpuLen].some((bound) => bound !== undefined);
}

function names(sites: MasterConf['sites']): string {
  return sites.map(({ siteId }) => siteId).join(', ');
}
