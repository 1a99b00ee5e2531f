export { Dashboard } from './dashboard.js';
export type { DashboardOptions } from './dashboard.js';
export type { DashboardLog } from './log-stream.js';
export type { LogLine } from './messages.js';
