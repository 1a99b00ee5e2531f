// What a master is built of, from the lowest floor up, and who tells whom: nothing of what it does.
import { parseMasterConf } from './conf/parse-conf.js';
import type { MasterConf } from './conf/site-conf.js';
import { Calls } from './calls.js';
import { Certificates } from './certificates/certificates.js';
import { ControlAnswers } from './control/control-answers.js';
import type { ControlledMaster } from './control/routes.js';
import { DaemonReports } from './daemon-link/daemon-reports.js';
import { DaemonSide } from './daemon-link/daemon-side.js';
import { ServedState } from './daemon-link/served-state.js';
import { MasterEvents } from './events.js';
import { Fleet } from './fleet/fleet.js';
import { Acceptor } from './ingress/acceptor.js';
import { AcceptPause } from './listeners/accept-pause.js';
import { ListenerRegistry } from './listeners/listener-registry.js';
import { LogFiles } from './logs/log-files.js';
import { createLogger } from './logs/logger.js';
import { MasterLog } from './logs/master-log.js';
import { SiteOutput } from './logs/site-output.js';
import { MasterMetrics } from './metrics/master-metrics.js';
import { Router } from './routing/router.js';
import { Shutdown } from './shutdown.js';
import { AwaitedHosts } from './sites/awaited-hosts.js';
import { AddedSites } from './sites/added-sites.js';
import { DesiredSites } from './sites/desired-sites.js';
import { SiteManager } from './sites/site-manager.js';
import { maintainSite } from './sites/site-orders.js';
import type { Site } from './sites/site.js';
import { Sites } from './sites/sites.js';
import { Status } from './status/status.js';
import { SiteWatch } from './watch/site-watch.js';
import { Suspects } from './workers/suspects.js';
import { WorkerSpawner } from './workers/worker-spawner.js';

export class MasterParts {
  readonly events: MasterEvents = new MasterEvents();
  /** Absent: this master was started by nobody who watches it. */
  readonly daemon: DaemonSide | undefined;
  readonly acceptor: Acceptor;
  readonly suspects: Suspects;
  readonly spawner: WorkerSpawner;
  readonly sites: Sites;
  readonly awaitedHosts: AwaitedHosts;
  readonly manager: SiteManager;
  readonly calls: Calls;
  readonly fleet: Fleet;
  readonly metrics: MasterMetrics;
  readonly status: Status;
  readonly served: ServedState;
  readonly shutdown: Shutdown;
  readonly #log: MasterLog;
  readonly #listeners: ListenerRegistry;
  readonly #certificates: Certificates;
  readonly #reports: DaemonReports;
  #conf: MasterConf = parseMasterConf({ sites: [] }, { baseDir: process.cwd() });

  /** @param master what is asked of it by its daemon, its fleet and the watcher of its sites' files. */
  constructor(master: ControlledMaster) {
    const { events } = this;
    const { limits, log } = this.#conf;
    const output = SiteOutput.ofProcess();
    const { stateDir } = output;
    this.#log = new MasterLog(createLogger({ name: 'master', level: log.level }));
    this.daemon = this.#connect(new ControlAnswers(master));
    this.#listeners = new ListenerRegistry(events, this.daemon);
    this.fleet = new Fleet(new ControlAnswers(master), events, stateDir);
    const router = new Router<Site>(this.#listeners, this.fleet);
    const pause = new AcceptPause(this.#listeners, events);
    this.acceptor = new Acceptor(router, limits, events, pause);
    this.#listeners.deliverTo((handle, listener) => this.acceptor.peek(handle, listener));
    this.suspects = new Suspects(this.daemon);
    this.spawner = new WorkerSpawner(this.acceptor, limits, events, this.suspects);
    const floor = {
      router,
      acceptor: this.acceptor,
      spawner: this.spawner,
      listeners: this.#listeners,
      events,
      output,
    };
    this.sites = new Sites(floor);
    this.awaitedHosts = new AwaitedHosts(this.acceptor, () => this.sites.list());
    const desired = new DesiredSites(stateDir);
    const added = new AddedSites(stateDir);
    this.manager = new SiteManager(this.sites, router, events, { desired, added });
    this.calls = new Calls(this.daemon, this.sites);
    this.#certificates = new Certificates(
      {
        stateDir,
        challenges: this.acceptor.challenges,
        sites: this.sites,
        directoryOf: (conf) => this.spawner.directoryOf(conf),
      },
      events,
    );
    const watch = new SiteWatch(
      {
        sites: () => this.sites.list(),
        reload: (siteId) => master.reloadConf(siteId),
        maintain: (siteId, options) => maintainSite(this.sites.get(siteId), options),
      },
      events,
    );
    this.metrics = new MasterMetrics({
      sites: this.sites,
      listeners: this.#listeners,
      health: this.acceptor.health,
      fleet: this.fleet,
      certificates: this.#certificates,
      events,
    });
    this.status = new Status(
      this.sites,
      this.#listeners,
      watch,
      this.#certificates,
      this.spawner.siteGroups,
      this.manager,
    );
    this.served = new ServedState(this.daemon, this.#conf);
    this.#reports = new DaemonReports(this.daemon);
    this.shutdown = new Shutdown(
      {
        ...floor,
        daemon: this.daemon,
        sites: this.sites,
        awaitedHosts: this.awaitedHosts,
        manager: this.manager,
        certificates: this.#certificates,
        watch,
        fleet: this.fleet,
        metrics: this.metrics,
      },
      this.#conf,
    );
    for (const subscriber of [
      this.#log,
      this.status,
      this.served,
      this.#reports,
      this.shutdown,
      this.awaitedHosts,
    ])
      subscriber.subscribe(events);
    LogFiles.shared.onFault = (file, code) => events.emit('log.failed', { file, code });
    for (const { trouble } of [desired, added, this.fleet])
      if (trouble !== undefined) events.emit('sites.desired-unreadable', { message: trouble });
    this.#answerWorkers();
  }

  /** The conf of all that is not a site's. */
  get conf(): MasterConf {
    return this.#conf;
  }

  /** Sets limits, log, backlog and transport for what is opened or started from now on. */
  configure(conf: MasterConf): void {
    this.#conf = conf;
    this.#log.logger = createLogger({ name: 'master', ...conf.log });
    this.#log.quietOnBroken = conf.log.quietOnBroken === true;
    this.acceptor.setLimits(conf.limits);
    this.acceptor.health.path = conf.healthPath;
    this.spawner.configure(conf);
    this.spawner.measures = conf.metrics !== undefined;
    this.#listeners.backlog = conf.backlog;
    this.#listeners.leavesAny = Object.keys(conf.limits.perAddress).length === 0;
    this.#certificates.acme = conf.acme;
    this.events.emit('conf.applied', { conf });
  }

  /** Opens what is there beside the sites, as the conf says it now. */
  serve(): void {
    this.metrics.serve(this.#conf.metrics);
    this.fleet.serve(this.#conf);
  }

  #connect(control: ControlAnswers): DaemonSide | undefined {
    return DaemonSide.connect({
      control,
      stop: (mode) => void (mode === 'yield' ? this.shutdown.yield() : this.shutdown.stop(mode === 'now')),
      call: (params, context) => this.calls.fromDaemon(params, context),
      hold: () => {
        this.metrics.hold();
        this.fleet.hold();
        this.#listeners.hold();
      },
      accept: async () => {
        this.metrics.accept(this.#conf.metrics);
        this.fleet.accept(this.#conf);
        await this.#listeners.accept();
        for (const site of this.sites.all()) site.ingress.look();
      },
      openSockets: () => this.#listeners.openSockets(),
      workers: () => this.#reports.workers(),
      onOrphaned: () => void this.shutdown.stop(),
      onAdopted: () => {
        const { failures } = this.manager;
        if (failures !== undefined) this.#reports.tellLoaded(failures);
      },
      log: (event, fields) => this.#log.logger.warn({ event, ...fields }),
    });
  }

  /** What workers ask for that is not about their own site. */
  #answerWorkers(): void {
    this.spawner.on('spawned', ({ peer, identity, gone }) => {
      peer.handle('waitForSites', (params) => this.manager.wait(params, gone));
      peer.handle('call', (params, context) => this.calls.fromWorker(identity, params, context));
    });
  }
}
