// What a site needs of the master around it, and tells it.
import type { MaintenancePage, WireError } from '@vhostd/protocol';
import type { Connection } from '../ingress/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { ServedSite } from '../daemon-link/memory.js';
import type { CrewHost } from './crew.js';
import type { Standing } from './first-boot.js';
import type { Site } from './site.js';

/** What a site needs of the master around it. */
export interface SiteHost {
  /** Everything about workers that does not concern the site's own state. */
  readonly workers: Omit<CrewHost['workers'], SiteEvent>;
  /** What the site serves with, or is to serve with at first, has changed. */
  onServes(served: ServedSite): void;
  /** How another site stands. */
  standingOf(siteId: string): Standing;
  /** Puts a generation's staged conf into force. */
  commit(site: Site, conf: () => SiteConf): Promise<void>;
  /** Ends a connection that nobody will serve; `page`: the site is in maintenance. */
  giveUp(connection: Connection, page?: MaintenancePage): void;
  /** A connection that a worker had been given goes to another one. */
  onGivenAgain(): void;
  /** A connection that a worker handed back goes to another one. */
  onHandedBack(): void;
  /** Routes a connection that a worker handed back with the head of a request for another host. */
  accept(connection: Connection): void;
  /** All workers of the site are given up. */
  onGivenUp(error: WireError): void;
  /** The site has been put to sleep, or woken. */
  onSlumber(asleep: boolean): void;
  /** The site's state, or a worker of it, has changed. */
  onChange(site: Site): void;
}

/** What a site itself answers for. */
type SiteEvent = 'onReturned' | 'onHandedBack' | 'wantsHandedBack';
