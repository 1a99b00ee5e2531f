export { VhostError, fromWireError, toWireError } from './errors.js';
export type { ErrorCode, VhostErrorOptions, WireError } from './errors.js';
