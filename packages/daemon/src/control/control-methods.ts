// What a daemon does for its owner's tools over the control socket.
import type { DaemonStatus, ReloadResult } from '@vhostd/protocol';
import type { ControlContext } from './control-connection.js';
import type { ControlServer } from './control-server.js';
import { flag, optional, record, text } from '../narrow.js';
import type { UpgradeResult } from '../takeover/upgrade.js';

/** The daemon as its control methods see it. */
export interface Controlled {
  status(): Promise<DaemonStatus>;
  reload(siteId: string | undefined): Promise<ReloadResult>;
  /** `onProgress` is told how far it is, in words. */
  upgrade(node: string | undefined, onProgress: (what: string) => void): Promise<UpgradeResult>;
  /** Tells the master to leave. `gone` resolves when it has left; the rest of the daemon follows. */
  stopMaster(now: boolean): { master: number | undefined; gone: Promise<void> };
}

/**
 * Sets the methods: `status` → DaemonStatus; `reload` `{siteId?}` → ReloadResult; `upgrade` `{node?}` →
 * UpgradeResult; `stop` `{now?}` → null when the master has gone, and then the connection is closed. Those that take
 * time tell that they are still at it, every few seconds; `upgrade` also how far it is: `{what}`; `stop` at once that
 * the master was told, and which processes end: `{daemon, master?}`.
 */
export function handleControlMethods(control: ControlServer, daemon: Controlled): void {
  control.handle('status', () => daemon.status());
  control.handle('reload', (params, context) => {
    const { siteId } = optional(record(params ?? {}, 'reload'), 'siteId', 'reload', text);
    return tellingProgress(context, daemon.reload(siteId));
  });
  control.handle('upgrade', (params, context) => {
    const { node } = optional(record(params ?? {}, 'upgrade'), 'node', 'upgrade', text);
    return tellingProgress(
      context,
      daemon.upgrade(node, (what) => context.progress({ what })),
    );
  });
  control.handle('stop', (params, context) => {
    const { now = false } = optional(record(params ?? {}, 'stop'), 'now', 'stop', flag);
    const { master, gone } = daemon.stopMaster(now);
    context.progress({ daemon: process.pid, master });
    return tellingProgress(
      context,
      gone.then(() => null),
    );
  });
}

/** Tells the client every few seconds that the daemon is still at it. */
export async function tellingProgress<T>(context: ControlContext, outcome: Promise<T>): Promise<T> {
  const timer = setInterval(() => context.progress('at work'), PROGRESS_MS);
  try {
    return await outcome;
  } finally {
    clearInterval(timer);
  }
}

/** Well below the 30 s of silence after which a client gives up. */
const PROGRESS_MS = 5_000;
