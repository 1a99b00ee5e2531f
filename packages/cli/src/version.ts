// The version of this package.
import { packageVersion } from '@vhostd/protocol';

/** For instance `1.2.3`. */
export const VERSION: string = packageVersion(import.meta.url);
