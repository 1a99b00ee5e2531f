// A master's side of its daemon: the link, what the daemon asks.
import { FrameKind, openParentLink, Peer, VhostError } from '@vhostd/protocol';
import type {
  DaemonToMaster,
  LinkEnd,
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  MasterToDaemon,
  PauseOptions,
  PauseResult,
  ReloadResult,
  RequestContext,
  ResumeResult,
} from '@vhostd/protocol';

export type DaemonPeer = Peer<MasterToDaemon, DaemonToMaster>;

/** The peer of the daemon that forked this process; `undefined` when nobody of ours did. */
export function connectDaemon(onEnd: (end: LinkEnd) => void): DaemonPeer | undefined {
  const link = openParentLink();
  if (link === undefined) return undefined;
  const peer: DaemonPeer = new Peer(link, { onViolation: () => link.close() });
  link.start({
    onFrame: (frame) => {
      if (frame.kind === FrameKind.message) peer.receive(frame);
      else frame.handle?.close();
    },
    onEnd: (end) => {
      peer.end(new VhostError('ERR_CALL_LOST', 'the daemon is gone'));
      onEnd(end);
    },
  });
  return peer;
}

/** What the daemon may ask of the master. */
export interface DaemonRequests {
  status(): MasterStatus;
  reload(siteId: string | undefined): Promise<ReloadResult>;
  /** Begins to stop. */
  stop(now: boolean): void;
  call(params: unknown, context: RequestContext): Promise<unknown>;
}

/** Answers the daemon from now on. */
export function answerDaemon(daemon: DaemonPeer, requests: DaemonRequests): void {
  daemon.handle('status', () => requests.status());
  daemon.handle('ping', () => null);
  daemon.handle('reload', (params) => {
    const siteId = fieldOf(params, 'siteId');
    return requests.reload(typeof siteId === 'string' ? siteId : undefined);
  });
  daemon.handle('stop', (params) => {
    requests.stop(fieldOf(params, 'now') === true);
    return null;
  });
  daemon.handle('call', (params, context) => requests.call(params, context));
}

/** What the daemon may order of a site; the options are checked by whoever carries them out. */
export interface SiteOrders {
  pauseSite(siteId: string, options: PauseOptions): PauseResult;
  resumeSite(siteId: string): ResumeResult;
  maintenance(siteId: string, options: MaintenanceOptions | null): Promise<MaintenanceResult>;
}

/** Answers the daemon's orders for sites from now on. What the options are worth, the orders say. */
export function answerSiteOrders(daemon: DaemonPeer, orders: SiteOrders): void {
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

function fieldOf(params: unknown, name: string): unknown {
  return typeof params === 'object' && params !== null ? Reflect.get(params, name) : undefined;
}
