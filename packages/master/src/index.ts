// `const master = require('@vhostd/master')` or `import master from '@vhostd/master'`.
import { Master } from './master.js';

/** This process's master. */
export const master: Master = new Master();
export default master;
export { master as 'module.exports' };

export type { Master, PublicEvents as MasterEvents, RunResult } from './master.js';
export type { MasterConf, SiteConf } from './conf/site-conf.js';
