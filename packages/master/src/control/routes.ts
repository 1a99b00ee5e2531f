// What a master does for its owner's tools: the one table of it. The daemon passes the requests on as they came.
import type {
  AddSiteOptions,
  AddSiteResult,
  ChangeSiteOptions,
  ChangeSiteResult,
  CertificatesResult,
  EventsOptions,
  FleetDrainOptions,
  FleetDrainResult,
  FleetStatus,
  FleetStatusOptions,
  FlushOptions,
  FlushResult,
  MaintenanceOptions,
  MaintenanceResult,
  MasterStatus,
  MetricFamily,
  PauseOptions,
  PauseResult,
  ReloadResult,
  RestartResult,
  ResumeResult,
  ScaleOptions,
  ScaleResult,
  SignalOptions,
  SignalResult,
  StopSiteOptions,
  SwitchResult,
  VariablesResult,
  SiteDetail,
} from '@vhostd/protocol';
import {
  addSiteOptions,
  addSiteResult,
  changeSiteOptions,
  changeSiteResult,
  certificatesResult,
  eventsOptions,
  fleetDrainOptions,
  fleetDrainResult,
  fleetStatus,
  fleetStatusOptions,
  flushOptions,
  flushResult,
  maintenanceOptions,
  maintenanceResult,
  masterStatus,
  metricFamily,
  pauseOptions,
  pauseResult,
  reloadResult,
  removeSiteOptions,
  restartResult,
  resumeResult,
  routeOf,
  siteDetail,
  scaleOptions,
  scaleResult,
  signalOptions,
  signalResult,
  siteStatus,
  stopSiteOptions,
  switchResult,
  variablesOptions,
  variablesResult,
} from '@vhostd/protocol/schemas';
import type { Route } from '@vhostd/protocol/schemas';
import { z } from '@vhostd/protocol/schemas';
import type { Follower } from './event-feed.js';

/** The master as its routes see it. */
export interface ControlledMaster {
  /** Resolves once its sites are there. */
  readonly loaded: Promise<void>;
  status(): MasterStatus;
  siteDetail(siteId: string): SiteDetail;
  certificates(): CertificatesResult;
  reloadConf(siteId?: string): Promise<ReloadResult>;
  restartSite(siteId: string): Promise<RestartResult>;
  stopSite(siteId: string, options: StopSiteOptions): Promise<SwitchResult>;
  startSite(siteId: string): Promise<SwitchResult>;
  addSite(options: AddSiteOptions): Promise<AddSiteResult>;
  changeSite(siteId: string, options: ChangeSiteOptions): Promise<ChangeSiteResult>;
  removeSite(siteId: string, options: StopSiteOptions): Promise<SwitchResult>;
  scaleSite(siteId: string, options: ScaleOptions): Promise<ScaleResult>;
  variables(siteId: string, withValues: boolean): Promise<VariablesResult>;
  followEvents(options: EventsOptions, follower: Follower): Promise<never>;
  metrics(): MetricFamily[];
  fleetStatus(options: FleetStatusOptions): Promise<FleetStatus>;
  fleetDrain(options: FleetDrainOptions): Promise<FleetDrainResult>;
  fleetResume(options: FleetDrainOptions): Promise<FleetDrainResult>;
  signalSite(siteId: string, options: SignalOptions): SignalResult;
  flushLogs(options: FlushOptions): Promise<FlushResult>;
  reopenLogs(): void;
  pauseSite(siteId: string, options: PauseOptions): Promise<PauseResult>;
  resumeSite(siteId: string): ResumeResult;
  maintenance(siteId: string, options: MaintenanceOptions | null): Promise<MaintenanceResult>;
}

const route = routeOf<ControlledMaster>();
const nothing = z.object({});

export const routes: readonly Route<ControlledMaster>[] = [
  route({
    method: 'GET',
    path: '/status',
    summary:
      'the master, its sites and their workers; over the control socket the daemon answers it, with its own',
    request: nothing,
    response: masterStatus,
    run: (master) => master.status(),
  }),
  route({
    method: 'GET',
    path: '/sites',
    summary: 'every site and its workers',
    request: nothing,
    response: z.object({ sites: z.array(siteStatus) }),
    run: (master) => ({ sites: master.status().sites }),
  }),
  route({
    method: 'GET',
    path: '/sites/:siteId',
    summary: 'one site, its workers, its conf and how workers ended',
    request: nothing,
    response: siteDetail,
    run: (master, { params }) => master.siteDetail(params['siteId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: '/certificates',
    summary: 'the certificates that workers serve, without keys',
    request: nothing,
    response: certificatesResult,
    run: (master) => master.certificates(),
  }),
  route({
    method: 'GET',
    path: '/events',
    summary: 'what happens, as it comes: several events at a time; the daemon passes them on one by one',
    request: eventsOptions,
    response: nothing,
    streams: true,
    run: (master, { body, signal, progress }) => master.followEvents(body, { signal, send: progress }),
  }),
  route({
    method: 'GET',
    path: '/metrics',
    summary: 'the numbers of the master, its sites and workers; over the control socket as text, too',
    request: nothing,
    response: z.object({ metrics: z.array(metricFamily) }),
    run: (master) => ({ metrics: master.metrics() }),
  }),
  route({
    method: 'GET',
    path: '/fleet',
    summary: 'this machine in its fleet, and what is in the store',
    request: fleetStatusOptions,
    response: fleetStatus,
    run: (master, { body }) => master.fleetStatus(body),
  }),
  route({
    method: 'POST',
    path: '/fleet/drain',
    summary: 'takes this machine out of the fleet',
    request: fleetDrainOptions,
    response: fleetDrainResult,
    run: (master, { body }) => master.fleetDrain(body),
  }),
  route({
    method: 'POST',
    path: '/fleet/resume',
    summary: 'brings it back',
    request: fleetDrainOptions,
    response: fleetDrainResult,
    run: (master, { body }) => master.fleetResume(body),
  }),
  route({
    method: 'POST',
    path: '/sites',
    summary: 'adds a site to those of the conf until it is removed',
    request: addSiteOptions,
    response: addSiteResult,
    run: (master, { body }) => master.addSite(body),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/change',
    summary: 'gives a site that was added other fields, and replaces its workers without losing a connection',
    request: changeSiteOptions,
    response: changeSiteResult,
    run: (master, { params, body }) => master.changeSite(params['siteId'] ?? '', body),
  }),
  route({
    method: 'DELETE',
    path: '/sites/:siteId',
    summary: 'takes away a site that was added',
    request: removeSiteOptions,
    response: switchResult,
    run: (master, { params, body }) =>
      master.removeSite(params['siteId'] ?? '', { now: body.now === 'true' }),
  }),
  route({
    method: 'POST',
    path: '/reload',
    summary: 'reads the conf anew and replaces the workers of every site, without losing a connection',
    request: nothing,
    response: reloadResult,
    run: (master) => master.reloadConf(),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/reload',
    summary: 'the same for one site',
    request: nothing,
    response: reloadResult,
    run: (master, { params }) => master.reloadConf(params['siteId']),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/restart',
    summary: 'replaces all workers of a site at once: the old ones drain first, then the new ones boot',
    request: nothing,
    response: restartResult,
    run: (master, { params }) => master.restartSite(params['siteId'] ?? ''),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/stop',
    summary: 'takes a site down until it is started',
    request: stopSiteOptions,
    response: switchResult,
    run: (master, { params, body }) => master.stopSite(params['siteId'] ?? '', body),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/start',
    summary: 'starts a site that was stopped',
    request: nothing,
    response: switchResult,
    run: (master, { params }) => master.startSite(params['siteId'] ?? ''),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/scale',
    summary: 'gives a site another number of workers',
    request: scaleOptions,
    response: scaleResult,
    run: (master, { params, body }) => master.scaleSite(params['siteId'] ?? '', body),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/pause',
    summary: "holds a site's new connections",
    request: pauseOptions,
    response: pauseResult,
    run: (master, { params, body }) => master.pauseSite(params['siteId'] ?? '', body),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/resume',
    summary: 'gives the connections that a pause holds to workers',
    request: nothing,
    response: resumeResult,
    run: (master, { params }) => master.resumeSite(params['siteId'] ?? ''),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/maintenance',
    summary: 'answers every request of a site with a page',
    request: maintenanceOptions,
    response: maintenanceResult,
    run: (master, { params, body }) => master.maintenance(params['siteId'] ?? '', body),
  }),
  route({
    method: 'DELETE',
    path: '/sites/:siteId/maintenance',
    summary: 'lets a site answer again',
    request: nothing,
    response: maintenanceResult,
    run: (master, { params }) => master.maintenance(params['siteId'] ?? '', null),
  }),
  route({
    method: 'GET',
    path: '/sites/:siteId/env',
    summary: "the environment of a site's workers",
    request: variablesOptions,
    response: variablesResult,
    run: (master, { params, body }) => master.variables(params['siteId'] ?? '', body.values === 'true'),
  }),
  route({
    method: 'POST',
    path: '/sites/:siteId/signal',
    summary: "sends a signal to a site's workers",
    request: signalOptions,
    response: signalResult,
    run: (master, { params, body }) => master.signalSite(params['siteId'] ?? '', body),
  }),
  route({
    method: 'POST',
    path: '/logs/flush',
    summary: 'empties the log files of a site, or of all',
    request: flushOptions,
    response: flushResult,
    run: (master, { body }) => master.flushLogs(body),
  }),
  route({
    method: 'POST',
    path: '/logs/reopen',
    summary: 'goes on in the log files that have the names now: after log rotation',
    request: nothing,
    response: nothing,
    run: (master) => {
      master.reopenLogs();
      return {};
    },
  }),
];
