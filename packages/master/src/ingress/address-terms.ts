// On which terms connections begin at an address: only the operator's conf says so.
import type { HeadTimeout, SiteConf } from '../conf/site-conf.js';
import { ByListener } from './by-listener.js';
import { ProxySources } from './proxy-sources.js';

export class AddressTerms {
  /** Which peers of which listener speak the PROXY protocol. */
  readonly proxySources: ProxySources = new ProxySources();
  /** How long a client may take for its first head; of several, the longest. */
  readonly #headTimeouts = new ByListener<HeadTimeout, number>((said) =>
    Math.max(...said.map(({ limitMs }) => limitMs)),
  );

  /** How long a client of a listener may take for its first head, ms; undefined: as long as at any other. */
  headTimeoutMs(key: string): number | undefined {
    return this.#headTimeouts.get(key);
  }

  /** What the conf of a site says, in the place of what it said before. */
  set(
    site: object,
    { proxySources = [], headTimeouts = [] }: Pick<SiteConf, 'proxySources' | 'headTimeouts'>,
  ): void {
    this.proxySources.set(site, proxySources);
    this.#headTimeouts.set(site, headTimeouts);
  }

  /** The site is gone. */
  delete(site: object): void {
    this.proxySources.delete(site);
    this.#headTimeouts.delete(site);
  }
}
