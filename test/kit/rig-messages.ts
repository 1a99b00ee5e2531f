// The messages of a lone master by their older names.
export type { MasterCommands as RigCommands, MasterReport as RigReport } from './master-messages.js';
export { isReport } from './master-messages.js';
