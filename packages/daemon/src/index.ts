// `const Daemon = require('@vhostd/daemon')` or `import Daemon from '@vhostd/daemon'`.
import { Daemon } from './daemon.js';

export { Daemon as default, Daemon, Daemon as 'module.exports' };
export * from './client.js';
export type { DaemonEvents, DaemonOptions, LoadFailure, SupervisionOptions } from './daemon-options.js';
export type { UpgradeOptions } from './takeover/upgrade.js';
export type { UpgradeResult } from '@vhostd/protocol';
