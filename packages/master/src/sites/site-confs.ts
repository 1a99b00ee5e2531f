// The confs of one site: the one in force, the one that the operator wants next, and what workers change of them. A
// change is checked, allowed, then made whole or not at all.
import { VhostError } from '@vhostd/protocol';
import type { WireError, WorkerToMaster } from '@vhostd/protocol';
import { checkAllowance } from '../conf/allowance.js';
import { parseServerConfUpdate } from '../conf/parse-conf.js';
import { noServerError } from '../conf/no-server.js';
import type { ServerConfUpdate, SiteConf } from '../conf/site-conf.js';
import type { RoutedSite, Router, SiteChange } from '../routing/router.js';
import type { Worker } from '../workers/worker.js';
import type { Generation } from './generation.js';
import type { JointChange } from './joint-change.js';

export class SiteConfs<S extends RoutedSite> {
  /** The change of several sites that the next whole conf is a part of. */
  joint: JointChange<S> | undefined;
  readonly #site: S;
  readonly #router: Router<S>;
  readonly #onChange: (conf: SiteConf) => void;
  #wanted: SiteConf;
  #inForce: SiteConf;
  /** What workers ask for comes into force with the rest. */
  #unplaced = false;

  /** `onChange` gets the conf in force, together with the swap of the routes. */
  constructor(conf: SiteConf, site: S, router: Router<S>, onChange: (conf: SiteConf) => void) {
    this.#site = site;
    this.#router = router;
    this.#wanted = conf;
    router.confs.set(site, conf);
    this.#onChange = onChange;
    this.#inForce = conf;
  }

  /** What the operator wants from the next generation on. */
  get wanted(): SiteConf {
    return this.#wanted;
  }

  set wanted(conf: SiteConf) {
    this.#wanted = conf;
    this.#router.confs.set(this.#site, conf);
  }

  /** What the operator gave, changed by what workers asked for. */
  get inForce(): SiteConf {
    return this.#inForce;
  }

  /** Whether the site is done once, now and by the conf that is wanted. */
  get isJob(): boolean {
    return !this.#inForce.autorestart && !this.#wanted.autorestart;
  }

  /** Takes a conf without giving its places to the site, which gets them by the {@link joint} change. */
  adopt(conf: SiteConf): void {
    this.#unplaced = true;
    this.#inForce = conf;
    this.#onChange(conf);
  }

  /** Does what makes the next whole conf a part of a joint change; without one it is a change of its own. */
  async jointly<R>(joint: JointChange<S> | undefined, act: () => Promise<R>): Promise<R> {
    this.joint = joint;
    try {
      return await act();
    } finally {
      if (this.joint === joint) this.joint = undefined;
    }
  }

  /** Resolves with why a joint change can't be made; never, where it can. */
  failureOf(joint: JointChange<S>): Promise<WireError> {
    return joint.failureOf(this.#site);
  }

  /** This site can't take its part in a joint change. */
  failJoint(joint: JointChange<S>, error: WireError): void {
    joint.fail(this.#site, error);
  }

  /**
   * Puts a whole conf into force, which is asked for when it is this change's turn; that of a {@link joint} change comes
   * when each of its sites is ready.
   * @throws {VhostError} ERR_ROUTE_CONFLICT, ERR_ROUTE_MOVES, ERR_LISTEN_*, ERR_SITE_STOPPED, what `next` throws:
   * nothing has changed.
   */
  async commit(next: () => SiteConf): Promise<void> {
    const change = this.#changeTo(next);
    const { joint } = this;
    if (joint === undefined) return await this.#router.change([change]);
    await joint.join(change);
    // What follows is the site's own.
    if (this.joint === joint) this.joint = undefined;
  }

  /**
   * Puts what the operator wants into force, and resolves with it.
   * @throws {VhostError} as {@link commit}.
   */
  async commitWanted(): Promise<SiteConf> {
    let { wanted } = this;
    await this.commit(() => {
      ({ wanted } = this);
      return this.carriedOver(wanted);
    });
    return wanted;
  }

  /**
   * What a worker asks for. Where its generation is not in force yet, it is checked now and comes into force with it;
   * until then the old generation's conf holds.
   * @throws {VhostError} ERR_CONF_*, ERR_WORKER_LEAVING, ERR_ALLOW_*, ERR_ROUTE_CONFLICT, ERR_LISTEN_*,
   * ERR_SITE_STOPPED: nothing has changed.
   */
  async update(
    worker: Worker,
    generationOf: (worker: Worker) => Generation | undefined,
    params: unknown,
  ): Promise<WorkerToMaster['updateServerConf']['result']> {
    const update = parseServerConfUpdate(params);
    const updated = (conf: SiteConf): SiteConf => {
      if (worker.leaving) throw leavingError(worker);
      const next = { ...conf, ...update };
      const refused =
        checkServer(update, conf) ??
        checkAllowance(update, conf.allow) ??
        this.#checkPlaces(update, conf, next);
      if (refused !== undefined) throw refused;
      return next;
    };
    const staged = (): Generation | undefined => {
      const generation = generationOf(worker);
      return generation?.inForce === false ? generation : undefined;
    };
    const isStaged = await this.#router.check(
      this.#site,
      () => {
        if (this.#unplaced) return updated(this.#inForce);
        const generation = staged();
        return generation && updated(generation.staged ?? generation.conf);
      },
      (conf) => {
        const generation = staged();
        if (this.#unplaced) this.adopt(conf);
        else if (generation !== undefined) generation.staged = conf;
      },
      this.joint?.others(this.#site),
    );
    if (isStaged) return { listening: [] };
    const change = this.#changeTo(() => updated(this.#inForce));
    await this.#router.change([change]);
    return { listening: this.#router.listening(this.#inForce) };
  }

  /** What workers have changed lives on in a generation whose workers and conf say nothing of their own. */
  carriedOver(conf: SiteConf): SiteConf {
    if (conf.listen.length > 0) return conf;
    const { listen, defaultListen, cpuLen: present } = this.#inForce;
    const cpuLen = conf.cpuLen ?? present;
    const places = conf.server ? { listen, defaultListen } : {};
    return { ...conf, ...places, ...(cpuLen === undefined ? {} : { cpuLen }) };
  }

  #checkPlaces(
    { listen, defaultListen }: ServerConfUpdate,
    present: SiteConf,
    next: SiteConf,
  ): VhostError | undefined {
    if (listen === undefined && defaultListen === undefined) return undefined;
    return this.#router.confs.refusal(this.#site, next, next.allow, present);
  }

  #changeTo(next: () => SiteConf): SiteChange<S> {
    let conf = this.#inForce;
    return {
      site: this.#site,
      begin: () => (conf = next()),
      commit: () => {
        this.#unplaced = false;
        this.#inForce = conf;
        this.#onChange(conf);
      },
    };
  }
}

function checkServer(
  { listen = [], defaultListen }: ServerConfUpdate,
  { siteId, server }: SiteConf,
): VhostError | undefined {
  return server || (listen.length === 0 && defaultListen !== true)
    ? undefined
    : noServerError(siteId, 'hosts');
}

function leavingError({ id }: Worker): VhostError {
  return new VhostError(
    'ERR_WORKER_LEAVING',
    `worker ${id} has been told to leave and can change nothing of its site any more`,
    { info: { workerId: id } },
  );
}
