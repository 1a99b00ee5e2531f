import { FileWatcher } from './files/file-watcher.js';
import { run } from './run.js';

export type { FileWatcherEvents, FileWatcherOptions } from './files/file-watcher.js';
export { FileWatcher, run };

/** For `require('@vhostd/watch').run(args)`. */
const watch: { run: typeof run; FileWatcher: typeof FileWatcher } = { run, FileWatcher };
export { watch as 'module.exports' };
