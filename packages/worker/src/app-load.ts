// When the code of an app without a server has loaded, which nothing of it tells. A CommonJS entry has when it returns; an
// ES module does not say so to others, and one that waits at its top level may do so for as long as its job takes: it has
// loaded when the process is quiet, or when the grace is over.
import { Grace } from './intake/grace.js';

/** Calls `onLoaded` then. To be called before the app is loaded; a process with nothing left to do ends before it. */
export function whenLoaded(onLoaded: () => void): void {
  const grace = new Grace();
  setImmediate(() => {
    const untyped: object = process;
    if (Reflect.get(untyped, 'mainModule') === undefined) grace.begin(onLoaded);
    else onLoaded();
  }).unref();
}
