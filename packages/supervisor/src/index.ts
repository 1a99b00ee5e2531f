export type { StopOutcome } from './attempt.js';
export { Backoff, resolveBackoff } from './backoff.js';
export type { BackoffOptions } from './backoff.js';
export { fromChildProcess } from './child-handle.js';
export type { ChildHandle, FromChildProcessOptions } from './child-handle.js';
export { isNormalEnd } from './child-reason.js';
export type { ChildReason } from './child-reason.js';
export { isChildState, isResting, NEXT } from './child-state.js';
export type {
  Answer,
  ChildEvent,
  ChildFact,
  ChildRequest,
  ChildState,
  ChildStep,
  Refusal,
} from './child-state.js';
export { LinkedChild } from './linked-child.js';
export { watchPeer } from './watch-peer.js';
export type { Pinged, PeerWatch, PeerWatchOptions } from './watch-peer.js';
export type { StateChange } from './lifecycle.js';
export { realOs } from './os.js';
export type { KillOutcome, Os, OsTimer } from './os.js';
export { signalGroup } from './process-group.js';
export {
  isAlive,
  isSame,
  isWaiting,
  readIdentity,
  readProcess,
  readSession,
  signalIdentity,
} from './process-identity.js';
export type { ProcessEntry, ProcessIdentity } from './process-identity.js';
export { createPidFile, inspectPidFile, readPidFile, removePidFile, writePidFile } from './pid-file.js';
export type { PidFileContent } from './pid-file.js';
export { isPrivateDirectory, makePrivateDirectory } from './private-directory.js';
export { decideRestart, resolveRestartPolicy } from './restart-policy.js';
export type { RestartDecision, RestartHistory, RestartPolicy } from './restart-policy.js';
export { resolveShutdownLimits, SHUTDOWN_LADDER } from './shutdown.js';
export type { ShutdownLimits, ShutdownRung, ShutdownStep } from './shutdown.js';
export { SupervisedChild } from './supervised-child.js';
export type {
  StopOptions,
  SupervisedChildEvents,
  SupervisedChildOptions,
} from './supervised-child-options.js';
