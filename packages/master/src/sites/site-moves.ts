// What moves between sites when what they are to have changes: which of them have to change together, and why one of them
// can't be changed alone.
import { fromWireError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { groupsOf } from '../routing/moves.js';
import type { ListenConf, Router } from '../routing/router.js';
import { JointChange } from './joint-change.js';
import type { Site } from './site.js';
import type { Sites } from './sites.js';

export class SiteMoves {
  readonly #sites: Sites;
  readonly #router: Router<Site>;
  /** What sites are to have, of each change under way. */
  readonly #plans = new Set<readonly ListenConf[]>();

  constructor(sites: Sites, router: Router<Site>) {
    this.#sites = sites;
    this.#router = router;
  }

  /** The addresses that these confs name are wanted until the work has settled. */
  async whilePlanned<T>(confs: readonly ListenConf[], work: () => Promise<T>): Promise<T> {
    this.#plans.add(confs);
    this.#tellPlans();
    try {
      return await work();
    } finally {
      this.#plans.delete(confs);
      this.#tellPlans();
    }
  }

  /** Sites between which hosts move, and new ones that take something from others, with the change that they share. */
  jointChanges(kept: readonly Site[], gone: readonly Site[]): Map<Site, JointChange<Site>> {
    const wants = new Map<Site, ListenConf | undefined>(kept.map((site) => [site, site.wantedPlaces]));
    for (const site of gone) wants.set(site, undefined);
    const joints = new Map<Site, JointChange<Site>>();
    for (const group of groupsOf(this.#router.moves(wants), ({ placed }) => !placed)) {
      const joint = new JointChange(this.#router, new Map([...group].map((site) => [site, wants.get(site)])));
      for (const site of group) joints.set(site, joint);
    }
    return joints;
  }

  /**
   * Why a site can't be changed alone to what it is to have. Of one that keeps what it has, nothing need be known of the
   * others, however many there are.
   */
  splitBy(site: Site): WireError | undefined {
    if (this.#router.keepsPlaces(site, site.wantedPlaces)) return undefined;
    const wants = this.#sites.list().map((other) => [other, other.wantedPlaces] as const);
    return this.#splitOf(site, new Map(wants));
  }

  /**
   * {@link splitBy}, where `confs` is what all are to have.
   * @throws {VhostError} ERR_ROUTE_MOVES.
   */
  refuseSplit(siteId: string, confs: readonly SiteConf[]): void {
    const site = this.#sites.find(siteId);
    const own = confs.find((conf) => conf.siteId === siteId);
    if (site === undefined || own === undefined || this.#router.keepsPlaces(site, site.placesBy(own))) return;
    const wants = new Map<Site, ListenConf | undefined>(
      this.#sites.list().map((other) => [other, undefined]),
    );
    for (const conf of confs) {
      const other = this.#sites.find(conf.siteId);
      if (other !== undefined) wants.set(other, other.placesBy(conf));
    }
    const split = this.#splitOf(site, wants);
    if (split !== undefined) throw fromWireError(split);
  }

  #splitOf(site: Site, wants: ReadonlyMap<Site, ListenConf | undefined>): WireError | undefined {
    const moves = this.#router.moves(wants).filter(({ joint }) => joint);
    const move = moves.find(({ from, to }) => from === site || to === site);
    if (move === undefined) return undefined;
    const { from, to, host, port, together } = move;
    const what = `${host === null ? 'the default' : `host ${host}`} on port ${port}`;
    const how =
      together === true
        ? `the address of ${what} changes for ${from.siteId} and ${to.siteId} together`
        : `${what} moves from ${from.siteId} to ${to.siteId}`;
    const message =
      `site ${site.siteId} can't be changed alone: ${how}; ` +
      'vhostd reload, without a site, changes all at once';
    return { code: 'ERR_ROUTE_MOVES', message };
  }

  #tellPlans(): void {
    this.#router.plan([...this.#plans].flat());
  }
}
