// What a conf may say of how a worker process is started.
import { z } from '@vhostd/protocol/schemas';
import {
  flag,
  integer,
  list,
  MAX_ID,
  object,
  path,
  size,
  text,
  variable,
  withoutUndefined,
} from './fields.js';
import type { VariableSource } from './fields.js';
import type { SiteConf } from './site-conf.js';

/** As it was written: its paths are not resolved yet. */
export type WrittenWorkerOptions = Omit<SiteConf['workerOptions'], 'cwd' | 'inheritEnv'> & {
  readonly cwd?: string;
  readonly inheritEnv?: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
};

const GIGABYTE = 1024 ** 3;

/** `workerOptions` of a site. */
export const workerOptions: z.ZodType<WrittenWorkerOptions, object> = object({
  execArgv: list(text(), 'strings').default([]).describe("Options of the worker's `node`."),
  env: z
    .record(z.string().regex(/^[^=\0]+$/), variable(), {
      error: (issue) =>
        issue.code === 'invalid_key' ? "a name without '=' and null characters" : 'an object of strings',
    })
    .prefault({})
    .describe("Variables added to the worker's environment."),
  cwd: path().optional().describe('Working directory, relative to `path`. Absent: `path`.'),
  uid: integer(0, MAX_ID).optional().describe('The same as `user`, by id.'),
  gid: integer(0, MAX_ID).optional().describe('The same as `group`, by id.'),
  inheritEnv: list(text(), "names of variables, or beginnings of names with '*'")
    .optional()
    .describe(
      "Variables of vhostd's own environment that workers get. Absent: those that are nobody's secret, or all where the site has no user of its own.",
    ),
  noNewPrivileges: flag()
    .default(true)
    .describe('Whether a worker with a user of its own can gain no rights, not by `sudo` either.'),
  nofile: integer(16, 1_048_576)
    .optional()
    .describe("Most open descriptors of a worker. Absent: as the master's."),
  nproc: integer(1, 4_194_304)
    .optional()
    .describe("Most processes and threads of the worker's user. Absent: as the master's."),
  core: size(0, 1024 * GIGABYTE)
    .optional()
    .describe("Largest core file of a worker. Absent: as the master's."),
  nice: integer(-20, 19)
    .optional()
    .describe('What is added to the niceness that vhostd was started with. Absent: nothing.'),
  oomScoreAdjust: integer(-1000, 1000)
    .optional()
    .describe('How soon the system kills a worker when memory runs out. Absent: as the master.'),
}).transform(({ env, ...options }) => ({ ...withoutUndefined(options), ...variablesOf(env) }));

/** What is written, and where the rest is to be read. */
function variablesOf(
  variables: Readonly<Record<string, string | VariableSource>>,
): Pick<SiteConf['workerOptions'], 'env' | 'envFrom'> {
  const env: Record<string, string> = {};
  const envFrom: Record<string, VariableSource> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (typeof value === 'string') env[name] = value;
    else envFrom[name] = value;
  }
  return { env, ...(Object.keys(envFrom).length === 0 ? {} : { envFrom }) };
}
