// What another process needs to speak to a daemon. It loads a fraction of what the daemon itself does.
export { DaemonClient } from './control/daemon-client.js';
export type { DaemonRequest } from './control/daemon-client.js';
export { WorkerRates } from './control/worker-rates.js';
export type { WorkerRate } from '@vhostd/protocol';
export type { FollowOptions } from './control/follow-events.js';
export { EXIT_CODES, exitCodeOf } from './exit-codes.js';
export type { ExitCode } from './exit-codes.js';
export { findRunDir, livingRunDirs } from './known-run-dirs.js';
export { LOG_LEVELS } from './log-level.js';
export type { LogLevel } from './log-level.js';
export { inspectRunDir } from './run-dir/inspect-run-dir.js';
export type { RunDirState } from './run-dir/inspect-run-dir.js';
export { resolveStateDir } from './state-dir.js';
