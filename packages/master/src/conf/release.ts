// Where the code lies that the workers of a generation run.

/** Absolute paths, symbolic links resolved. */
export interface Release {
  /** What a worker runs. */
  readonly workerFile: string;
  /** Where it runs. */
  readonly cwd: string;
  /** Of the script that `workerFile` stands for: arguments in place of the conf's, options of Node, variables. */
  readonly workerArgs?: readonly string[];
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
