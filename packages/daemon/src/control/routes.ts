// What the daemon itself does for its owner's tools: the one table of it. Every other request is the master's.
import { SHOWN_SITE_STATES, SHOWN_WORKER_STATES, VhostError } from '@vhostd/protocol';
import type { DaemonStatus, EventsOptions, UpgradeResult } from '@vhostd/protocol';
import {
  daemonStatus,
  decode,
  eventsOptions,
  findRoute,
  metricFamily,
  METRICS_TYPE,
  metricsText,
  noRoute,
  routeOf,
  upgradeResult,
} from '@vhostd/protocol/schemas';
import type { Route, RouteCall } from '@vhostd/protocol/schemas';
import { z } from '@vhostd/protocol/schemas';
import { TextAnswer } from './answer-format.js';
import type { ControlCall, ControlHandler } from './control-exchange.js';
import type { SiteOrders } from './site-orders.js';

/** The daemon as the control API sees it. */
export interface ControlledDaemon {
  readonly orders: SiteOrders;
  status(): Promise<DaemonStatus>;
  upgrade(options: { node?: string; onProgress: (what: string) => void }): Promise<UpgradeResult>;
  /** Tells the master to leave. `gone` resolves when it has left; the rest of the daemon follows. */
  stopMaster(now: boolean): { master: number | undefined; gone: Promise<void> };
}

const route = routeOf<ControlledDaemon>();
const nothing = z.object({});
const metrics = z.object({ metrics: z.array(metricFamily) });
/** The processes that end. */
const stopping = z.object({ daemon: z.int(), master: z.int().exactOptional() });

export const routes: readonly Route<ControlledDaemon>[] = [
  route({
    method: 'GET',
    path: '/status',
    summary: 'the daemon, its master, its sites and their workers',
    request: nothing,
    response: daemonStatus,
    run: (daemon) => daemon.status(),
  }),
  route({
    method: 'GET',
    path: '/events',
    summary: 'what happens in the master, as it comes',
    request: eventsOptions,
    response: nothing,
    streams: true,
    run: passEvents,
  }),
  route({
    method: 'GET',
    path: '/metrics',
    summary: 'the numbers of the master, its sites and workers, as Prometheus reads them',
    request: nothing,
    response: metrics,
    text: { type: METRICS_TYPE, of: (answer) => metricsText(decode(metrics, answer, 'metrics').metrics) },
    run: async ({ orders }) =>
      decode(metrics, await orders.ask({ method: 'GET', path: '/metrics', body: {} }), 'metrics'),
  }),
  route({
    method: 'POST',
    path: '/upgrade',
    summary: 'replaces the daemon, its master and all workers by new ones of the code that is on disk now',
    request: z.object({ node: z.string().min(1).exactOptional() }),
    response: upgradeResult,
    run: (daemon, { body, progress }) =>
      daemon.upgrade({ ...body, onProgress: (what) => void progress({ what }) }),
  }),
  route({
    method: 'POST',
    path: '/stop',
    summary: 'stops the daemon; answered when its master and all workers have gone',
    request: z.object({ now: z.boolean().default(false) }),
    response: stopping,
    run: async (daemon, { body, progress }) => {
      const { master, gone } = daemon.stopMaster(body.now);
      const told = { daemon: process.pid, ...(master === undefined ? {} : { master }) };
      progress(told);
      await gone;
      return told;
    },
  }),
];

/** Answers by the table, and passes the rest on to the master. */
export function answerControl(daemon: ControlledDaemon): ControlHandler {
  return async (call) => {
    const found = findRoute(routes, call.method, call.path);
    if ('route' in found) {
      const { route: known } = found;
      if (known.streams === true) call.stream();
      const answer = await tellingWaits(daemon, call, known.run(daemon, { ...call, ...found }));
      return known.text === undefined
        ? answer
        : new TextAnswer(answer, known.text.type, known.text.of(answer));
    }
    if (found.allowed.length > 0) throw noRoute(call.method, call.path, found.allowed);
    if (call.method === 'GET') return await daemon.orders.ask(call);
    return await tellingWaits(daemon, call, daemon.orders.give(call));
  };
}

/** Passes events on one by one, until the client does not read them or is to ask another daemon. */
async function passEvents(
  { orders }: ControlledDaemon,
  { body, signal, progress }: RouteCall<EventsOptions>,
): Promise<Record<string, never>> {
  const left = new AbortController();
  const ended = new Promise<never>((_resolve, reject) => {
    left.signal.addEventListener('abort', () => reject(left.signal.reason));
  });
  signal.addEventListener('abort', () => left.abort(signal.reason));
  const take = (events: unknown): boolean => {
    if (!Array.isArray(events) || events.every((event) => progress(event))) return true;
    left.abort(new VhostError('ERR_CONTROL_SLOW', 'the client does not read: events are lost, ask again'));
    return false;
  };
  const question = { method: 'GET', path: '/events', body, signal: left.signal, progress: take };
  await Promise.race([ended, orders.ask(question, FOREVER_MS)]);
  return {};
}

/** Tells the client every few seconds which sites are not at rest. */
async function tellingWaits(daemon: ControlledDaemon, call: ControlCall, outcome: unknown): Promise<unknown> {
  if (call.method === 'GET') return await outcome;
  const timer = setInterval(() => {
    daemon.status().then(
      (status) => void call.progress({ waitsFor: restlessSites(status) }),
      () => undefined,
    );
  }, WAITS_MS);
  try {
    return await outcome;
  } finally {
    clearInterval(timer);
  }
}

function restlessSites({ sites }: DaemonStatus): { siteId: string; state: string; connections: number }[] {
  return sites.flatMap(({ siteId, state, workers }) => {
    const leaving = workers.filter((worker) => SHOWN_WORKER_STATES[worker.state].presence === 'leaving');
    if (SHOWN_SITE_STATES[state].phase === 'rest' && leaving.length === 0) return [];
    return { siteId, state, connections: leaving.reduce((sum, { connections }) => sum + connections, 0) };
  });
}

const WAITS_MS = 5_000;
/** The longest that a request may take, ms: 24 days. */
const FOREVER_MS = 2 ** 31 - 1;
