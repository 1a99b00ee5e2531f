export {
  HOST_MAX_CHARS,
  LABEL_MAX_CHARS,
  looksLikeAddress,
  readAuthority,
  readName,
} from './hosts/host-name.js';
export type { Authority, HostFault, NameFault } from './hosts/host-name.js';
export { renewFrom } from './certificate-life.js';
export { Http2Code, http2Goaway, speaksHttp2 } from './http2-goaway.js';
export { VhostError, fromWireError, toWireError } from './errors.js';
export type { ErrorCode } from './error-codes.js';
export type { VhostErrorOptions, WireError } from './errors.js';
export type { Call } from './messages/call.js';
export type { CertificateFacts } from './messages/certificate-facts.js';
export type { LinkType } from './messages/link-type.js';
export {
  addressCovers,
  addressesOverlap,
  addressOfKey,
  findCovering,
  findHeld,
  isUdpKey,
  toKeyedAddress,
} from './messages/listen-address.js';
export type { KeyedAddress } from './messages/listen-address.js';
export type { ListeningInfo } from './messages/listening-info.js';
export { SPARE_WORKER, WORKER_VARIABLE } from './messages/master-worker.js';
export type {
  AccessLogStats,
  HostClaims,
  SiteClaims,
  DirectListener,
  ListenRequest,
  LoopDelay,
  MaintenancePage,
  MasterToWorker,
  AppPort,
  OtherServer,
  Quiet,
  RequestStats,
  ServerConfUpdate,
  SiteWait,
  WorkerBegin,
  WorkerStats,
  WorkerIdentity,
  WorkerToMaster,
} from './messages/master-worker.js';
export { REQUEST_REFUSALS, WORKER_REFUSAL_REASONS, WORKER_REFUSALS } from './messages/worker-refusals.js';
export type { RefusalCounts, WorkerRefusal } from './messages/worker-refusals.js';
export {
  CGROUP_VARIABLE,
  DELEGATED,
  SCREEN_VARIABLE,
  SITES_DIR_VARIABLE,
  STATE_DIR_VARIABLE,
} from './messages/output-variables.js';
export { SHOWN_SITE_STATES } from './messages/site-states.js';
export type { ShownSiteState, SiteState } from './messages/site-states.js';
export { TAKEOVER_VARIABLE } from './messages/takeover-variable.js';
export { CLEAR_LINE, logShape } from './log-line.js';
export { unknownSite } from './unknown-site.js';
export { workerRate } from './worker-rate.js';
export type { WorkerRate, WorkerTotals } from './worker-rate.js';
export { readPemFile } from './pem-file.js';
export { packageVersion } from './package-version.js';
export type { CertificatesResult, CertificateStatus, RenewalStatus } from './schemas/certificates.js';
export {
  CERTIFICATE_HOST_MAX_LENGTH,
  CERTIFICATE_KINDS,
  certificateFile,
  certificateName,
  HOSTLESS_CERTIFICATE,
  isCertificateKind,
} from './messages/certificate-file.js';
export type { CertificateKind } from './messages/certificate-file.js';
export type { CertificateRenewal, CertificateState } from './schemas/certificate-state.js';
export type {
  AcmeSettings,
  CertificatesToMaster,
  Challenges,
  FailedCertificate,
  IssuedCertificate,
  MasterToCertificates,
  WantedCertificate,
} from './schemas/master-certificates.js';
export type { MasterToWatcher, WatchedSite, WatcherToMaster } from './schemas/master-watcher.js';
export type {
  FleetConflict,
  FleetDrainOptions,
  FleetDrainResult,
  FleetEdge,
  FleetEdgeProgress,
  FleetHost,
  FleetHostMachine,
  FleetMachine,
  FleetStanding,
  FleetState,
  FleetStatus,
  FleetStatusOptions,
  FleetStore,
} from './schemas/fleet.js';
export type { FleetDrained, FleetSettings, FleetToMaster, MasterToFleet } from './schemas/master-fleet.js';
export type { CandidateToDaemon, DaemonToCandidate } from './schemas/daemon-candidate.js';
export type {
  AcquiredListener,
  ControlRequest,
  DaemonToMaster,
  ListenAddress,
  MasterToDaemon,
  ForkedWorker,
  StopMode,
} from './schemas/daemon-master.js';
export type { EventsOptions, MasterEvent } from './schemas/events.js';
export type { MetricFamily } from './schemas/metrics.js';
export type {
  AddSiteOptions,
  AddSiteResult,
  FlushOptions,
  FlushResult,
  MaintenanceOptions,
  MaintenanceResult,
  PauseOptions,
  PauseResult,
  ReloadResult,
  RestartResult,
  ResumeResult,
  ChangeSiteOptions,
  ChangeSiteResult,
  ScaleOptions,
  ScaleResult,
  SignalOptions,
  SignalResult,
  SiteVariable,
  StopSiteOptions,
  SwitchResult,
  VariablesResult,
} from './schemas/site-orders.js';
export type {
  DaemonStatus,
  MasterCounts,
  MasterStatus,
  MetricsReach,
  SiteDetail,
  SiteUsage,
  SiteStatus,
  WorkerStatus,
} from './schemas/status.js';
export type {
  CandidateReport,
  LaunchInfo,
  OrphanedMaster,
  TakeoverInfo,
  TransferredListener,
  UpgradeResult,
} from './schemas/takeover.js';
export { SHOWN_WORKER_STATES } from './messages/worker-states.js';
export type { ShownWorkerState, WorkerState } from './messages/worker-states.js';
export { readWhole, writeWhole } from './whole-file.js';
export type { WholeFileOptions } from './whole-file.js';
export { wrapped } from './wrapped.js';
