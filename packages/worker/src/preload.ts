// Loaded by each worker before its site's code: the link to the master is open before anything can go wrong in it.
export { worker } from './index.js';
