export { Edge } from './edge/edge.js';
export type { EdgeLog } from './edge/edge.js';
export { loadEdgeConf } from './edge/edge-conf.js';
export type { EdgeConf } from './edge/edge-conf.js';
