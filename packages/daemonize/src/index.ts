// `const Daemon = require('@vhostd/daemonize')` or `import Daemon from '@vhostd/daemonize'`.
import { Daemon } from './daemon.js';

export { Daemon };
export default Daemon;
export { Daemon as 'module.exports' };

export type { DaemonEvents } from './daemon.js';
export type { DaemonOptions } from './daemon-options.js';
export type { DaemonResponse, ResponseLevel } from './response.js';
export type { DaemonEnd, StartResult, StopResult } from './results.js';
