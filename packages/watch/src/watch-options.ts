// What `vhostd watch` was asked for, in full.

/** Ends of the program after which it is not started again before a change: none, or those of `-n`. */
export type NoRestartOn = 'error' | 'exit' | 'success';

/** How much is told: errors only, what happens, or also what is watched. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** The options of the command, resolved. */
export interface WatchOptions {
  /** PROGRAM and its arguments, at least one. */
  program: readonly [string, ...string[]];
  /** Folders, files and globs. Default `.`. */
  watch: readonly string[];
  ignore: readonly string[];
  /** Without dots; `*` means all. Undefined: guessed from the program. */
  extensions: readonly string[] | undefined;
  gitignore: boolean;
  ignoreSymlinks: boolean;
  /** Milliseconds between two looks; undefined: the kernel tells of changes. */
  pollIntervalMs: number | undefined;
  /** Quiet time before a change counts, in milliseconds. Default 200. */
  delayMs: number;
  /** What runs the program. Undefined: `node`, or `coffee`. */
  executable: string | undefined;
  /** Flags for Node, as today's Node knows them, and the notes that the user is to read. */
  nodeFlags: readonly string[];
  notes: readonly string[];
  noRestartOn: NoRestartOn | undefined;
  instantKill: boolean;
  /** The signal that asks the program to end. Default `SIGTERM`. */
  signal: NodeJS.Signals;
  /** Milliseconds from asking to SIGKILL. Default 5000. */
  killTimeoutMs: number;
  interactive: boolean;
  verbosity: Verbosity;
  restartVerbose: boolean;
  timestamp: boolean;
  pidFile: string | undefined;
  /** Objects in place of words, for programs. */
  json: boolean;
}
