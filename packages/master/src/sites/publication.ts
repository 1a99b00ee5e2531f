// Tells by events when a site is published, what it is reached by then, and when it is not any more.
import type { SiteConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';

export class Publication {
  readonly #siteId: string;
  readonly #events: MasterEvents;
  /** What was looked at last. */
  #last: { published: boolean; conf: SiteConf | undefined; generation: number } = {
    published: false,
    conf: undefined,
    generation: 0,
  };
  /** What was told last; undefined: nothing, or that it is withdrawn. */
  #told: string | undefined;

  constructor(siteId: string, events: MasterEvents) {
    this.#siteId = siteId;
    this.#events = events;
  }

  /** Something about the site may have changed. */
  look(published: boolean, conf: SiteConf, generation: number): void {
    const last = this.#last;
    if (published === last.published && conf === last.conf && generation === last.generation) return;
    this.#last = { published, conf, generation };
    const siteId = this.#siteId;
    const reached = { siteId, generation, hosts: hostsOf(conf), addresses: addressesOf(conf) };
    const told = published ? JSON.stringify(reached) : undefined;
    if (told === this.#told) return;
    this.#told = told;
    if (published) this.#events.emit('site.published', reached);
    else this.#events.emit('site.withdrawn', { siteId });
  }
}

/** The host patterns that lead to a site; `*`: it is the default of an address. */
export function hostsOf({ listen }: SiteConf): string[] {
  return [...new Set(listen.map(({ host }) => host ?? '*'))];
}

/** Such as `tcp 127.0.0.1 80`. */
function addressesOf({ listen }: SiteConf): string[] {
  return [...new Set(listen.map(({ type, ipaddress = '*', port }) => `${type} ${ipaddress} ${port}`))];
}
