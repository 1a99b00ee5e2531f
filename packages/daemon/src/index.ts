// `const Daemon = require('@vhostd/daemon')` or `import Daemon from '@vhostd/daemon'`.
import { Daemon } from './daemon.js';

export { Daemon as default, Daemon, Daemon as 'module.exports' };
export { DaemonClient } from './control/daemon-client.js';
export { WorkerRates } from './control/worker-rates.js';
export type { WorkerRate } from './control/worker-rates.js';
export type { FollowOptions } from './control/follow-events.js';
export type { DaemonEvents, DaemonOptions, LoadFailure, SupervisionOptions } from './daemon-options.js';
export type { UpgradeOptions } from './takeover/upgrade.js';
export type { UpgradeResult } from '@vhostd/protocol';
export { EXIT_CODES, exitCodeOf } from './exit-codes.js';
export type { ExitCode } from './exit-codes.js';
export { findRunDir } from './known-run-dirs.js';
export { inspectRunDir } from './run-dir/inspect-run-dir.js';
export type { RunDirState } from './run-dir/inspect-run-dir.js';
export { resolveStateDir } from './state-dir.js';
export { LOG_LEVELS } from './log.js';
export type { LogLevel } from './log.js';
