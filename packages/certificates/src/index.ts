// What the command line shows of the machine's own authority.
export { InternalAuthority } from './internal/internal-authority.js';
