// The echo site's headers by their older place.
export { SEEN } from './echo-headers.js';
