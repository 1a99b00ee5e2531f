// Follows the events of whichever master serves, over the death of masters and daemons and over upgrades.
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import type { MasterEvent } from '@vhostd/protocol';
import { masterEvent } from '@vhostd/protocol/schemas';
import type { ControlRequestOptions } from './control-client.js';

/** Who follows, and what. */
export interface FollowOptions {
  /** Only what happens to this site. Default: everything. */
  readonly siteId?: string;
  /** Also the events of single connections. Default false. */
  readonly connections?: boolean;
  /**
   * Takes each event; what it throws ends it all. The first one is `subscribed`; each further one of that name says that
   * events may be missing before it, of the same master or another one.
   */
  readonly onEvent: (event: MasterEvent) => void;
  /** Ends it: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Asks by `request` again and again. Resolves when the daemon has stopped. Rejects with what the first request or
 * `onEvent` fails with, or ERR_CONTROL_SLOW, ERR_CONTROL_DENIED and the like of a later one.
 */
export async function followEvents(
  request: (request: ControlRequestOptions) => Promise<unknown>,
  { siteId, connections = false, onEvent, signal }: FollowOptions,
): Promise<void> {
  const query = new URLSearchParams({
    ...(siteId === undefined ? {} : { siteId }),
    ...(connections ? { connections: 'true' } : {}),
  });
  let hasFollowed = false;
  let lostAtMs = -Infinity;
  const onProgress = (value: unknown): void => {
    const told = masterEvent.safeParse(value);
    if (!told.success) return;
    hasFollowed = true;
    onEvent(told.data);
  };
  for (;;) {
    try {
      const path = `/events?${query.toString()}`;
      await request({ method: 'GET', path, onProgress, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (!(error instanceof VhostError) || !hasFollowed) throw error;
      const { code } = error;
      if (code === 'ERR_CONTROL_LOST') lostAtMs = performance.now();
      const mayFollow = performance.now() - lostAtMs < NEXT_DAEMON_LIMIT_MS;
      if (code === 'ERR_DAEMON_NOT_RUNNING' && !mayFollow) return;
      if (!PASSING.has(code)) throw error;
    }
    await delay(AGAIN_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** Another master, or another daemon, answers soon; and it knows its sites a moment later. */
const PASSING: ReadonlySet<string> = new Set([
  'ERR_CALL_LOST',
  'ERR_CALL_TIMEOUT',
  'ERR_CONTROL_CLOSED',
  'ERR_CONTROL_LOST',
  'ERR_DAEMON_NOT_RUNNING',
  'ERR_DAEMON_STATE',
  'ERR_LINK_LOST',
  'ERR_MASTER_NOT_RUNNING',
  'ERR_SITE_UNKNOWN',
]);
const AGAIN_MS = 100;
/** How long a master may take to start another daemon in the place of one that died, ms. */
const NEXT_DAEMON_LIMIT_MS = 15_000;
