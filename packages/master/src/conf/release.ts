// Where the code lies that the workers of a generation run.

/** Absolute paths, symbolic links resolved. */
export interface Release {
  /** What a worker runs. */
  readonly workerFile: string;
  /** Where it runs. */
  readonly cwd: string;
}
