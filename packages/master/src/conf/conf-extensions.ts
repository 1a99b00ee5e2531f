// The extensions of conf files.

/** Those that `loadConf` takes. */
export const CONF_EXTENSIONS: readonly string[] = [
  '.json',
  '.js',
  '.mjs',
  '.cjs',
  '.ts',
  '.yaml',
  '.yml',
  '.toml',
];
