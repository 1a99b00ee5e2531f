// A site under a master: takes connections, boots through its lifecycle, drains and leaves.
import type { Server, Socket } from 'node:net';
import { isCertificateKind, VhostError } from '@vhostd/protocol';
import { openParentLink } from '@vhostd/transport';
import type {
  Call,
  DirectListener,
  ListenRequest,
  MasterToWorker,
  ServerConfUpdate,
  WorkerIdentity,
} from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { UpdateResult } from './conf-sender.js';
import { whenLoaded } from './app-load.js';
import { AppReady } from './app-ready.js';
import { CompileCache } from './compile-cache.js';
import { Departure } from './departure.js';
import { describeFailure } from './failure.js';
import { FittedServer } from './fitted-server.js';
import type { AdoptedServer } from './intake/adopt-server.js';
import { DirectAccept } from './intake/direct-accept.js';
import { Grace } from './intake/grace.js';
import { Intake } from './intake/intake.js';
import type { ListenAddress } from './intake/listening-handle.js';
import { isHttp, watchListens } from './intake/listens.js';
import { SharedDatagrams } from './shared-datagrams.js';
import { refuseTaken, SharedPorts } from './shared-ports.js';
import type { AskForPort } from './shared-ports.js';
import { SiteServers } from './intake/site-servers.js';
import type { Lifecycle } from './lifecycle.js';
import { MasterSide } from './master-side.js';
import { HandBacks } from './rehome/hand-backs.js';
import { SiteHosts } from './rehome/host-claims.js';
import { Refusals } from './rehome/refusals.js';
import type { ListenQuery } from './node/native-handle.js';
import { replaceProcessChannel } from './node/process-channel.js';
import { endsTls } from './node/secure-server.js';
import { TriedNode } from './node/tried-node.js';
import { SiteKeys } from './site-keys.js';
import { Stillness } from './stillness.js';
import { StopSignals } from './stop-signals.js';
import { Handshakes } from './tls/handshakes.js';
import { WorkerMeters } from './worker-meters.js';

/** What the site needs of the {@link Worker} around it. */
export interface SiteHost {
  lifecycle: Lifecycle;
  /** The site's server is known, or another one has taken its place. */
  onServer(server: Server): void;
  onDrain(): void;
  onError(error: Error): void;
  watchesSockets(): boolean;
  onSocketError(error: Error): void;
  answer(call: Call, handle: NativeHandle | undefined): Promise<unknown>;
  /** Sends a conf update to the master. */
  sendConf(update: ServerConfUpdate): Promise<UpdateResult>;
  /** Resolves when no conf update is on its way. */
  confsSent(): Promise<void>;
}

export class ManagedSite {
  readonly #identity: WorkerIdentity;
  readonly #host: SiteHost;
  readonly #node: TriedNode;
  readonly #master: MasterSide;
  readonly #intake: Intake;
  readonly #direct: DirectAccept;
  readonly #handBacks: HandBacks;
  readonly #keys: SiteKeys;
  readonly #servers: SiteServers;
  readonly #askForPort: AskForPort = async (place) =>
    (await this.#master.peer.requestWithHandle('openPort', place)).handle;
  readonly #ports = new SharedPorts(this.#askForPort);
  readonly #datagrams = new SharedDatagrams(this.#askForPort);
  readonly #handshakes: Handshakes = new Handshakes();
  readonly #meters: WorkerMeters;
  readonly #appReady: AppReady;
  readonly #signals: StopSignals;
  readonly #compileCache: CompileCache | undefined;
  /** Absent: the conf lets it never stand still. */
  readonly #stillness: Stillness | undefined;
  #goneOnCount = 0;
  readonly #departure: Departure;
  #server: FittedServer | undefined;
  readonly #hosts: SiteHosts = new SiteHosts();
  readonly #refusals: Refusals = new Refusals();
  #listenCount = 0;

  private constructor(identity: WorkerIdentity, host: SiteHost, node: TriedNode) {
    const link = openParentLink();
    if (link === undefined) {
      throw new VhostError(
        'ERR_LINK_OPEN',
        'this process was told that it is a worker, but has no link to a master',
      );
    }
    this.#identity = identity;
    this.#host = host;
    this.#node = node;
    this.#compileCache = CompileCache.ofProcess(identity.siteDir);
    this.#master = new MasterSide(link, identity.callTimeoutMs, {
      onConnection: (frame) => this.#intake.receive(frame),
      onHandBackAnswer: (payload) => this.#handBacks.receive(payload),
      onEnd: () => {
        this.#departure.stopMoving();
        this.#handBacks.end();
        // A master sees to that of a worker that ends before it.
        process.once('exit', endGroup);
        void this.#departure.begin(identity.drainTimeoutMs);
      },
    });
    if (this.#master.oneWay) {
      replaceProcessChannel({
        onMessage: (message) => this.#master.peer.notify('message', message),
        onDisconnect: () => this.#departure.ask('signal'),
      });
    }
    this.#appReady = new AppReady();
    this.#meters = new WorkerMeters(identity, this.#refusals);
    this.#intake = new Intake(link, {
      onSocket: (socket) => this.#watch(socket),
      onLimit: (count) => this.#master.peer.notify('maxConnections', { count: count ?? null }),
      ...(identity.freezes === true ? { onCount: () => this.#stillness?.note() } : {}),
    });
    this.#direct = new DirectAccept(this.#intake, (why) => {
      this.#intake.reportCount();
      this.#master.peer.notify('acceptRests', { why });
    });
    this.#keys = new SiteKeys(
      identity.listen,
      {
        onFront: (front) => {
          this.#handshakes.watch(front.tls);
          this.#intake.setSecureFront(front);
        },
        onTerms: (terms) => this.#intake.setSecureTerms(terms),
        onCertificates: (all) =>
          this.#master.peer.notify('certificates', { certificates: all.slice(0, CERTIFICATES_MAX_COUNT) }),
      },
      identity.siteDir === undefined ? undefined : { siteId: identity.siteId, directory: identity.siteDir },
    );
    this.#handBacks = new HandBacks(link, {
      beforeSend: () => this.#intake.reportNow(),
      onKept: (connection) => {
        this.#departure.stopMoving();
        this.#intake.readopt(connection);
      },
    });
    this.#stillness =
      identity.freezes === true
        ? new Stillness({
            intake: this.#intake,
            handBacks: this.#handBacks,
            migration: () => this.#server?.migration(),
            server: () => this.#server?.server,
          })
        : undefined;
    this.#departure = new Departure({
      identity,
      master: this.#master,
      direct: this.#direct,
      intake: this.#intake,
      ports: this.#ports,
      datagrams: this.#datagrams,
      lifecycle: host.lifecycle,
      signals: () => this.#signals,
      server: () => this.#server,
      onDrain: () => host.onDrain(),
      onError: (error) => host.onError(error),
    });
    this.#answerMaster();
    this.#master.start();
    // An app without a server lives for as long as it has something to do, as by itself.
    if (!this.#serves) this.#master.unref();
    // Ctrl-C in a terminal reaches every process of its group; the master decides what becomes of its workers.
    this.#signals = new StopSignals((signal) => {
      if (signal === 'SIGTERM') this.#departure.ask('signal');
    });
    this.#servers = new SiteServers({
      appPort: identity.appPort,
      preferredPort: portOf(process.env['PORT']),
      address: addressOf(identity),
      grace: new Grace(),
      onClose: () => this.#onSiteClose(),
      onNone: () => void this.#onSiteClose(),
      share: (server, query) => this.#ports.listen(server, query),
      onChosen: (adopted, previous) => this.#serve(adopted, previous),
      onOther: (query, shares) => this.#onListens('http', query, shares),
    });
    this.#watchApp();
  }

  /** Opens the link to the master of a worker that was just forked. */
  static open(identity: WorkerIdentity, host: SiteHost): ManagedSite {
    const node = new TriedNode(identity.triedNode);
    node.check();
    return new ManagedSite(identity, host, node);
  }

  /**
   * The site's code names its server. The site boots then; what fails in it ends the process with exit code 1.
   * @throws {VhostError} ERR_SITE_NO_SERVER.
   */
  setServer(server: Server): void {
    if (!this.#serves) {
      const message = 'worker.server has no use: the site\'s conf has "server": false';
      throw new VhostError('ERR_SITE_NO_SERVER', message, { info: { siteId: this.#identity.siteId } });
    }
    this.#servers.name(server);
  }

  /** Sends an update to the master. Keys and passphrases stay here. */
  async update(update: ServerConfUpdate): Promise<UpdateResult> {
    const { listen } = update;
    const send = (outgoing: ServerConfUpdate): Promise<UpdateResult> =>
      this.#during(() => this.#master.peer.request('updateServerConf', outgoing));
    if (listen === undefined) return await send(update);
    return await this.#keys.change(listen, () => send({ ...update, listen: listen.map(withoutKeys) }));
  }

  /** {@link MasterSide.call}. */
  call(...call: Parameters<MasterSide['call']>): Promise<unknown> {
    return this.#during(() => this.#master.call(...call));
  }

  /** {@link MasterSide.waitForSites}. */
  waitForSites(siteIds: string[], timeoutMs: number | undefined): Promise<void> {
    return this.#during(() => this.#master.waitForSites(siteIds, timeoutMs));
  }

  /** The worker has something to do until this has settled. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    return await (this.#stillness === undefined ? work() : this.#stillness.during(work));
  }

  /** Everything that the site's code does and the master does not. */
  #watchApp(): void {
    watchListens({
      take: (server, query) => this.#serves && this.#servers.take(server, query),
      onOther: (server, query) => {
        if (!isHttp(server)) this.#onListens('tcp', query, false);
        else if (query.port === -1 || !this.#serves) this.#onListens('http', query, false);
      },
      share: (server, query) => {
        const isSites = this.#serves && this.#servers.has(query.port);
        return isSites ? refuseTaken(server, query) : this.#ports.listen(server, query);
      },
      shareDatagrams: (socket, query, bind) => this.#datagrams.bind(socket, query, bind),
    });
    // What the site dies of is worth more to its operator than the exit code. The end itself stays Node's.
    process.on('uncaughtExceptionMonitor', (error) => {
      this.#master.peer.notify('failed', { error: describeFailure(error) });
    });
    void this.#appReady.said.then(() => this.#servers.decide());
    if (!this.#serves) whenLoaded(() => this.#startBoot());
  }

  /** Whether one of the app's servers is the site's. */
  get #serves(): boolean {
    return this.#identity.server !== false;
  }

  #answerMaster(): void {
    const { peer } = this.#master;
    peer.handle('ping', () => this.#meters.read());
    peer.handle('call', (params, { handle }) =>
      this.#during(() => this.#host.answer(params as Call, handle)),
    );
    peer.handle('quiet', (params) => {
      const { handBack } = params as MasterToWorker['quiet']['params'];
      return (this.#departure.hasBegun ? undefined : this.#stillness?.quiet(handBack)) ?? null;
    });
    peer.handle('standStill', async (params) => {
      const { handBack } = params as MasterToWorker['standStill']['params'];
      const turn = this.#goneOnCount;
      const answer = this.#departure.hasBegun ? undefined : await this.#stillness?.standStill(handBack);
      // It may be told to go on while its connections are handed back.
      if (answer !== undefined && turn === this.#goneOnCount) this.#meters.rest();
      return answer ?? null;
    });
    peer.handle('goOn', () => {
      this.#goneOnCount += 1;
      this.#meters.goOn();
      this.#keys.goOn();
      return null;
    });
    peer.handle('maintenance', (params) => {
      const page = params as MasterToWorker['maintenance']['params'];
      if (page === null) this.#server?.gate.close();
      else this.#server?.gate.open(page);
      return null;
    });
    peer.handle('hosts', (params) => {
      this.#hosts.set((params as MasterToWorker['hosts']['params']).claims);
      return null;
    });
    peer.handle('accept', (params, { handle }) => {
      if (handle === undefined) throw new VhostError('ERR_CALL_SOCKET_LOST', 'the socket did not arrive');
      if (!this.#departure.hasBegun) return this.#direct.listen(params as DirectListener, handle);
      handle.close();
      return false;
    });
    peer.handle('acceptUpTo', (params) => {
      this.#direct.upTo = (params as MasterToWorker['acceptUpTo']['params']).count ?? Infinity;
      return null;
    });
    peer.handle('acceptNoMore', (params) => {
      this.#direct.close((params as MasterToWorker['acceptNoMore']['params']).listener);
      return null;
    });
    peer.handle('drain', (params) => {
      const { limitMs, handBack } = params as MasterToWorker['drain']['params'];
      void this.#departure.begin(limitMs, handBack);
      return null;
    });
  }

  /** Gives the connections to the site's server, and boots with the first one that there is. */
  #serve(adopted: AdoptedServer, previous: Server | undefined): void {
    const { server } = adopted;
    this.#host.onServer(server);
    this.#keys.setServer(server);
    if (endsTls(server)) this.#handshakes.watch(server);
    this.#server = new FittedServer(server, {
      identity: this.#identity,
      node: this.#node,
      intake: this.#intake,
      handBacks: this.#handBacks,
      handshakes: this.#handshakes,
      hosts: this.#hosts,
      refusals: this.#refusals,
      isDraining: () => this.#departure.isDraining,
      endsItself: () => this.#signals.canTell(this.#identity.stopSignal),
    });
    this.#meters.watch(server);
    this.#intake.setHostCheck(this.#server.checkHosts());
    this.#intake.setServer(adopted);
    if (previous !== undefined) {
      this.#intake.setSecureFront(undefined);
      this.#intake.setSecureTerms(undefined);
      this.#keys.load().catch((error: unknown) => this.#fail(error));
      return;
    }
    this.#startBoot();
  }

  #startBoot(): void {
    this.#master.peer.notify('starting', null);
    // Behind the rest of the site's synchronous loading.
    setImmediate(() => {
      this.#boot().catch((error: unknown) => this.#fail(error));
    });
  }

  /** The app closes its server. True: it is closed when another worker serves and this one has finished. */
  #onSiteClose(): boolean {
    if (this.#departure.hasBegun) return false;
    if (!this.#departure.isPublished) {
      const message = 'its app closed its server before the worker was ready';
      this.#master.peer.notify('failed', { error: { code: 'ERR_WORKER_EXITED', message } });
    }
    this.#departure.ask('closed');
    return this.#departure.isPublished;
  }

  /** A server listens that is not the site's. */
  #onListens(protocol: 'http' | 'tcp', query: ListenQuery, shares: boolean): void {
    if (this.#listenCount >= LISTENS_MAX_COUNT) return;
    this.#listenCount += 1;
    const { address, port, fd } = query;
    const ofHost = address === null ? '' : ` of ${address}`;
    const where = port === -1 ? `the path ${address ?? ''}` : `port ${port ?? 0}${ofHost}`;
    this.#master.peer.notify('listens', {
      protocol,
      where: typeof fd === 'number' ? `descriptor ${fd}` : where,
      shares,
    });
  }

  async #boot(): Promise<void> {
    await this.#mergeGiven();
    await this.#host.lifecycle.start();
    await this.#host.confsSent();
    // What the site has said while it loaded is in force by now.
    await this.#keys.load();
    if (this.#identity.waitReady === true) {
      this.#master.peer.notify('waits', null);
      await this.#appReady.said;
    }
    this.#intake.lookAtLimit();
    // The master may give it connections before its answer is here.
    this.#departure.isPublished = true;
    await this.#master.peer.request('ready', { triedNode: this.#node.version });
    this.#compileCache?.flushSoon();
  }

  /** Of a site whose code leaves it to the conf file where it is served. */
  async #mergeGiven(): Promise<void> {
    const { listen, defaultListen } = this.#identity;
    if (listen.length === 0) return;
    const changed = this.#host.lifecycle.mergeGiven(structuredClone({ listen, defaultListen }));
    if (Object.keys(changed).length > 0) await this.#host.sendConf(changed);
  }

  #fail(error: unknown): void {
    console.error(error);
    this.#master.peer.notify('failed', { error: describeFailure(error) });
    process.exitCode = 1;
    // The notice is written at once where the pipe has room; a turn later the process may go.
    setImmediate(() => process.exit(1));
  }

  #watch(socket: Socket): void {
    if (!this.#host.watchesSockets()) return;
    socket.on('error', (error) => this.#host.onSocketError(error));
  }
}

/** Ends what this process has started, as far as it is in the group that this process leads. */
function endGroup(): void {
  try {
    process.kill(-process.pid, 'SIGTERM');
    // Those that were stopped with it do not hear of that before they run again.
    process.kill(-process.pid, 'SIGCONT');
  } catch {
    // It leads none.
  }
}

/** How many certificates the master is told of. */
const CERTIFICATES_MAX_COUNT = 200;

/** How many servers beside its own the master is told of. */
const LISTENS_MAX_COUNT = 20;

/** What `server.address()` says of a server that was given none: usually where clients reach the site. */
function addressOf({ listen: [first], foundPort }: WorkerIdentity): ListenAddress {
  const address = first?.ipaddress ?? '::';
  const port = foundPort ?? (first === undefined || first.port === 0 ? HTTP_PORT : first.port);
  return { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' };
}

const HTTP_PORT = 80;

function portOf(text: string | undefined): number | undefined {
  const port = Number(text);
  return text !== undefined && Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined;
}

function withoutKeys(entry: ListenRequest): ListenRequest {
  const { key: _key, cert, passphrase: _passphrase, ca: _ca, ...rest } = entry;
  return isCertificateKind(cert) ? { ...rest, cert } : rest;
}
