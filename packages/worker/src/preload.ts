// Loaded by each worker before its site's code: the link to the master is open before anything can go wrong in it.
import { offerOwnCopy } from './node/own-copy.js';

export { worker } from './index.js';

offerOwnCopy(process.argv[1]);
