// What a site prints leaves its process before the call returns. Into a pipe Node writes what fits, and keeps the rest in
// the process, where it is lost when that ends. Undocumented: `_handle` and its `setBlocking`.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; node/whole-output.test.ts fails where one of them changes.

/** Lets writing to standard output or error wait while its pipe is full, as it does for a file or a terminal. */
export function waitWhileFull(stream: NodeJS.WriteStream): void {
  const handle: unknown = Reflect.get(stream, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const setBlocking: unknown = Reflect.get(handle, 'setBlocking');
  if (typeof setBlocking === 'function') Reflect.apply(setBlocking, handle, [true]);
}
