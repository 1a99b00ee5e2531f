export { VhostError, fromWireError, toWireError } from './errors.js';
export type { ErrorCode } from './error-codes.js';
export type { VhostErrorOptions, WireError } from './errors.js';
export type {
  AcquiredListener,
  Call,
  DaemonToMaster,
  ListenAddress,
  MasterToDaemon,
  ReloadResult,
  StopMode,
} from './messages/daemon-master.js';
export type { LinkType } from './messages/link-type.js';
export { addressesOverlap, addressOfKey, findHeld, toKeyedAddress } from './messages/listen-address.js';
export type { KeyedAddress } from './messages/listen-address.js';
export { TAKEOVER_VARIABLE } from './messages/takeover.js';
export type {
  LaunchInfo,
  DaemonToCandidate,
  CandidateReport,
  TakeoverInfo,
  CandidateToDaemon,
  TransferredListener,
  OrphanedMaster,
} from './messages/takeover.js';
export { WORKER_VARIABLE } from './messages/master-worker.js';
export type {
  ListenRequest,
  MaintenancePage,
  MasterToWorker,
  OtherServer,
  ServerConfUpdate,
  SiteWait,
  Vitals,
  WorkerIdentity,
  WorkerToMaster,
} from './messages/master-worker.js';
export type {
  MaintenanceOptions,
  MaintenanceResult,
  PauseOptions,
  PauseResult,
  ResumeResult,
} from './messages/site-orders.js';
export type {
  DaemonStatus,
  ListeningInfo,
  MasterCounts,
  MasterStatus,
  SiteState,
  SiteStatus,
  WorkerState,
  WorkerStatus,
} from './messages/status.js';
export { packageVersion } from './package-version.js';
