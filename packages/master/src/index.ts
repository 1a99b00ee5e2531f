// `const master = require('@vhostd/master')` or `import master from '@vhostd/master'`.
import { Master } from './master.js';

/** This process's master. */
export const master: Master = new Master();
export default master;
export { master as 'module.exports' };

export type { Master, RunResult } from './master.js';
export type { PublicEvents as MasterEvents } from './public-events.js';
export type { MasterConf, SiteConf } from './conf/site-conf.js';
