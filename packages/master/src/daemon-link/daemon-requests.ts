// What a daemon asks of its master, and the narrowing of it.
import { VhostError } from '@vhostd/protocol';
import type {
  LaunchInfo,
  DaemonToMaster,
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  MasterToDaemon,
  PauseOptions,
  PauseResult,
  ReloadResult,
  ResumeResult,
} from '@vhostd/protocol';
import type { NativeHandle, Peer, RequestContext } from '@vhostd/transport';

/** What the daemon may ask of the master. */
export interface DaemonRequests {
  status(): MasterStatus;
  reload(siteId: string | undefined): Promise<ReloadResult>;
  /** Begins to stop. */
  stop(now: boolean): void;
  /** Begins to leave the listeners to others. */
  retire(): void;
  call(params: unknown, context: RequestContext): Promise<unknown>;
  /** Opens no listener until {@link accept}. */
  hold(): void;
  accept(): Promise<void>;
}

/** What the daemon may order of a site; the options are checked by whoever carries them out. */
export interface SiteOrders {
  pauseSite(siteId: string, options: PauseOptions): PauseResult;
  resumeSite(siteId: string): ResumeResult;
  maintenance(siteId: string, options: MaintenanceOptions | null): Promise<MaintenanceResult>;
}

/** What the daemon tells for the time after it. */
export interface DaemonWill {
  /** It has given a sign of life. */
  onPing(): void;
  /** How another daemon is started. */
  onLaunch(launch: LaunchInfo, restarts: number): void;
  /** None is to be started. */
  onForsaken(): void;
  /** A bound socket, which is the receiver's. */
  onListener(listener: { key: string; address: string; port: number }, handle: NativeHandle): void;
}

/** Answers the daemon from now on. */
export function answerDaemon(
  daemon: Peer<MasterToDaemon, DaemonToMaster>,
  requests: DaemonRequests,
  will: DaemonWill,
): void {
  daemon.handle('status', () => requests.status());
  daemon.handle('ping', () => {
    will.onPing();
    return null;
  });
  daemon.handle('reload', (params) => {
    const siteId = fieldOf(params, 'siteId');
    return requests.reload(typeof siteId === 'string' ? siteId : undefined);
  });
  daemon.handle('stop', (params) => {
    const mode = fieldOf(params, 'mode');
    if (mode === 'yield') requests.retire();
    else requests.stop(mode === 'now');
    return null;
  });
  daemon.handle('hold', () => {
    requests.hold();
    return null;
  });
  daemon.handle('accept', async () => {
    await requests.accept();
    return null;
  });
  daemon.handle('call', (params, context) => requests.call(params, context));
  daemon.handle('allowRespawn', (params) => {
    const launch = parseLaunch(params);
    const restarts = fieldOf(params, 'restarts');
    if (launch !== undefined) will.onLaunch(launch, typeof restarts === 'number' ? restarts : 0);
    return null;
  });
  daemon.handle('forbidRespawn', () => {
    will.onForsaken();
    return null;
  });
  daemon.handle('transferListener', (params, { handle }) => {
    const [key, address, port] = ['key', 'address', 'port'].map((name) => fieldOf(params, name));
    if (typeof key === 'string' && typeof address === 'string' && typeof port === 'number' && handle) {
      will.onListener({ key, address, port }, handle);
      return null;
    }
    handle?.close();
    throw new VhostError('ERR_LISTEN_TRANSFER', 'what the daemon hands over is no listener');
  });
}

/** Answers the daemon's orders for sites from now on. What the options are worth, the orders say. */
export function answerSiteOrders(daemon: Peer<MasterToDaemon, DaemonToMaster>, orders: SiteOrders): void {
  daemon.handle('pauseSite', (params) => {
    const timeout = fieldOf(params, 'timeout');
    return orders.pauseSite(siteIdOf(params), (timeout === undefined ? {} : { timeout }) as PauseOptions);
  });
  daemon.handle('resumeSite', (params) => orders.resumeSite(siteIdOf(params)));
  daemon.handle('maintenance', (params) =>
    orders.maintenance(siteIdOf(params), fieldOf(params, 'options') as MaintenanceOptions | null),
  );
}

function siteIdOf(params: unknown): string {
  const siteId = fieldOf(params, 'siteId');
  return typeof siteId === 'string' ? siteId : '';
}

/** Undefined for what a daemon of another version may send. */
function parseLaunch(params: unknown): LaunchInfo | undefined {
  if (typeof params !== 'object' || params === null) return undefined;
  const { execPath, argv0, execArgv, args, cwd, env, runDir, linkType, bootTimeoutMs } = params as Record<
    string,
    unknown
  >;
  if (!isText(execPath) || !isText(argv0) || !isText(cwd) || !isText(runDir)) return undefined;
  if (!isTexts(execArgv) || !isTexts(args) || typeof bootTimeoutMs !== 'number') return undefined;
  if (linkType !== 'pipe' && linkType !== 'ipc') return undefined;
  if (typeof env !== 'object' || env === null || !Object.values(env).every(isText)) return undefined;
  return { execPath, argv0, execArgv, args, cwd, env: { ...env }, runDir, linkType, bootTimeoutMs };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function fieldOf(params: unknown, name: string): unknown {
  return typeof params === 'object' && params !== null ? Reflect.get(params, name) : undefined;
}
