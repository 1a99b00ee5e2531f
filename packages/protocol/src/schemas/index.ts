// What another process says, as schemas: for daemon, master and command line. Workers never load it.
export { candidateToDaemon, daemonToCandidate } from './daemon-candidate.js';
export { certificateFacts, certificatesResult } from './certificates.js';
export { acquiredListener, daemonToMaster, masterToDaemon } from './daemon-master.js';
export { certificateState } from './certificate-state.js';
export { certificatesToMaster, masterToCertificates } from './master-certificates.js';
export { masterToWatcher, watcherToMaster } from './master-watcher.js';
export {
  fleetDrainOptions,
  fleetDrainResult,
  fleetFollowed,
  fleetStatus,
  fleetStatusOptions,
  fleetStore,
} from './fleet.js';
export { fleetToMaster, masterToFleet } from './master-fleet.js';
export { decode } from './decode.js';
export { decoding } from './message-table.js';
export { findRoute, noRoute, routeOf } from './route.js';
export type { Route, RouteCall } from './route.js';
export { eventsOptions, masterEvent } from './events.js';
export { metricFamily, METRICS_TYPE, metricsText } from './metrics.js';
export {
  addSiteOptions,
  addSiteResult,
  changeSiteOptions,
  changeSiteResult,
  flushOptions,
  flushResult,
  maintenanceOptions,
  maintenanceResult,
  pauseOptions,
  pauseResult,
  reloadResult,
  removeSiteOptions,
  restartResult,
  resumeResult,
  scaleOptions,
  scaleResult,
  signalOptions,
  signalResult,
  stopSiteOptions,
  switchResult,
  variablesOptions,
  variablesResult,
  WORKER_SIGNALS,
} from './site-orders.js';
export { daemonStatus, masterStatus, siteDetail, siteStatus } from './status.js';
export { candidateReport, takeoverInfo, upgradeResult } from './takeover.js';
export { wireError } from './values.js';
// One copy of the library for all of them: bundled here, it loads in a sixth of the time.
export * as z from './zod.js';
