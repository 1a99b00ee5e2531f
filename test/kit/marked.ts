// Marks of processes by their older place.
export { MARK_VARIABLE, markedProcesses } from './processes.js';
