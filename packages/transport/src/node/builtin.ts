// What a process of a site loads of Node's own only when it needs it. The site's code runs by then, and may have removed
// or replaced what `process` has.

/** `process.getBuiltinModule`, as it was when this package was loaded. */
export const getBuiltinModule: typeof process.getBuiltinModule = process.getBuiltinModule;
