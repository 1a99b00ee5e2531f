// Every field of PM2's ecosystem file (its schema.json, 7.0), and what becomes of it here. docs/moving.md has the same
// table for people, and a test holds one against the other.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { DraftSite } from './draft.js';

/** What became of a value: its place in the conf, or what to do instead. */
export type Outcome = { taken: string } | { todo: string };

/** Writes a value into the site, whose paths are relative to `cwd`. */
export type Convert = (value: unknown, site: DraftSite, cwd: string) => Outcome;

export interface Pm2Field {
  /** Its name in PM2's schema, and its other names. */
  readonly names: readonly string[];
  readonly convert: Convert;
}

const field = (names: string, convert: Convert): Pm2Field => ({ names: names.split(' '), convert });

/** For what has no equivalent, or none that a conf has. */
const leave =
  (todo: string): Convert =>
  () => ({ todo });

const NOTHING_TO_DO: Outcome = { taken: 'so by default' };
const UNREADABLE: Outcome = { todo: 'PM2 documents no such value: write it by hand' };
const MIN_MEMORY = 64 * 1024 * 1024;

/** `script`, `cwd`, `interpreter`, `name` and `env` are read before these, by pm2.ts. */
export const PM2_FIELDS: readonly Pm2Field[] = [
  field('args', (value, site) => put(site, 'workerArgs', wordsOf(value))),
  field('node_args interpreterArgs interpreter_args', (value, site) => {
    const words = wordsOf(value);
    if (words !== undefined) addExecArgv(site, words);
    return words === undefined ? UNREADABLE : { taken: 'workerOptions.execArgv' };
  }),
  field('instances', convertInstances),
  field('exec_mode', () => ({ taken: 'each site has workers of its own' })),
  field('out_file out output out_log pm_out_log_path', logTo('logOutput')),
  field('error_file error err err_file err_log pm_err_log_path', logTo('logError')),
  field('log_file log pm_log_path', logTo('logAll')),
  field('disable_logs', (value, site) => (value === true ? put(site, 'logAll', '/dev/null') : NOTHING_TO_DO)),
  field('log_type', (value, site) => (value === 'json' ? put(site, 'logFormat', 'json') : NOTHING_TO_DO)),
  // With a type of its own PM2 writes the date into that.
  field('log_date_format time', (value, site) => {
    if (typeof value !== 'string' && value !== true) return NOTHING_TO_DO;
    site['logFormat'] ??= 'prefix';
    return { taken: 'logFormat, in a form of its own' };
  }),
  field('merge_logs combine_logs', () => ({ taken: 'the workers of a site share its logs' })),
  field('max_memory_restart', (value, site) => {
    const bytes = sizeOf(value);
    if (bytes === undefined) return UNREADABLE;
    if (bytes < MIN_MEMORY) return { todo: 'memoryLimit; at least 64mb' };
    return put(site, 'memoryLimit', bytes % 1_048_576 === 0 ? `${bytes / 1_048_576}mb` : bytes);
  }),
  field(
    'pid_file pid pm_pid_path',
    leave('vhostd status --json has the process ids; daemon.pid is that of vhostd'),
  ),
  field('restart_delay', (value, site) => {
    const delay = durationOf(value);
    if (delay === undefined) return UNREADABLE;
    if (delay === '0ms') return NOTHING_TO_DO;
    site.restart = { ...site.restart, backoffMin: delay, backoffMax: delay };
    return { taken: 'restart.backoffMin, backoffMax' };
  }),
  field('exp_backoff_restart_delay', (value, site) => {
    const delay = durationOf(value);
    if (delay === undefined) return UNREADABLE;
    if (delay === '0ms') return NOTHING_TO_DO;
    site.restart = { ...site.restart, backoffMin: delay };
    return { taken: 'restart.backoffMin' };
  }),
  field('max_restarts', (value, site) => {
    const intensity = typeof value === 'string' && value !== '' ? Number(value) : value;
    if (typeof intensity !== 'number' || !Number.isInteger(intensity) || intensity < 0 || intensity > 1000)
      return UNREADABLE;
    site.restart = { ...site.restart, intensity };
    return { taken: 'restart.intensity' };
  }),
  field('min_uptime', leave('restart.period, the span in which restarts are counted')),
  field('stop_exit_codes', leave('a site that is to end by itself is a job: docs/jobs.md')),
  field('source_map_support', (value, site) => {
    if (value === true) addExecArgv(site, ['--enable-source-maps']);
    return value === true ? { taken: 'workerOptions.execArgv' } : NOTHING_TO_DO;
  }),
  field('disable_source_map_support', () => NOTHING_TO_DO),
  field('wait_ready', (value, site) => (value === true ? put(site, 'waitReady', true) : NOTHING_TO_DO)),
  field(
    'listen_timeout',
    leave('bootTimeout (30s): at its end a worker has failed, which PM2 takes for ready'),
  ),
  field('kill_timeout', (value, site) => put(site, 'stopTimeout', durationOf(value))),
  field('shutdown_with_message', (value, site) =>
    value === true ? put(site, 'stopSignal', 'shutdown') : NOTHING_TO_DO,
  ),
  field('cron_restart cron', (value, site) =>
    value === 0 || value === false ? NOTHING_TO_DO : put(site, 'cron', textOf(value)),
  ),
  field('watch', (value, site) => {
    if (value === false) return NOTHING_TO_DO;
    if (value === true) return put(site, 'watch', true);
    return { todo: '"watch": true watches the whole directory of the site' };
  }),
  field('ignore_watch', leave('a .gitignore in the directory of the site')),
  field('watch_delay', leave('vhostd watch --delay')),
  field('watch_options', leave('options of vhostd watch (docs/watch.md)')),
  field('autostart', (value) =>
    value === false ? { todo: 'vhostd stop SITE, once; it stays stopped' } : NOTHING_TO_DO,
  ),
  field('autorestart', (value, site) => {
    if (value !== false) return NOTHING_TO_DO;
    site.autorestart = false;
    site.server = false;
    return { taken: 'a job: server and autorestart are false' };
  }),
  field('uid user', (value, site) => put(site, 'user', accountOf(value))),
  field('gid', (value, site) => put(site, 'group', accountOf(value))),
  field('instance_var', (value, site) =>
    value === 'NODE_APP_INSTANCE' ? NOTHING_TO_DO : put(site, 'instanceVar', textOf(value)),
  ),
  field(
    'increment_var',
    leave('the workers share one port; for anything else add NODE_APP_INSTANCE in the app'),
  ),
  field('filter_env', (value, site) => {
    if (value === false) return NOTHING_TO_DO;
    if (value !== true) return { todo: 'workerOptions.inheritEnv names the variables that come in' };
    site.workerOptions = { ...site.workerOptions, inheritEnv: ['PATH', 'LANG', 'HOME', 'TZ'] };
    return { taken: 'workerOptions.inheritEnv' };
  }),
  field('treekill', (value) =>
    value === false ? { todo: 'what a worker has started ends with it, unless detached' } : NOTHING_TO_DO,
  ),
  field('namespace', (value) =>
    value === 'default'
      ? NOTHING_TO_DO
      : { todo: 'name sites so that they sort together: there are no groups' },
  ),
  field('force', leave('a siteId is unique: give the second one another name')),
  field('name_prefix', leave('write it into siteId')),
  field('append_env_to_name', leave('write it into siteId')),
  field('execute_command', leave('name the file of the program in workerFile')),
  field('post_update', leave('run your commands, then vhostd reload')),
  field('install_url', leave('leave it out')),
  field('deploy', leave('copy the release, then vhostd reload; the path may be a symbolic link')),
  field('vizion', (value) => (value === false ? NOTHING_TO_DO : { todo: 'leave it out' })),
  ...'trace disable_trace v8 event_loop_inspector deep_monitoring pmx automation io'
    .split(' ')
    .map((name) =>
      field(name, leave('leave it out: that is PM2 Plus; vhostd status --json has the numbers')),
    ),
  ...'windowsHide write username kill_retry_time'
    .split(' ')
    .map((name) => field(name, leave('leave it out'))),
];

/** The field that a name, or another name of it, stands for. */
export function pm2Field(name: string): Pm2Field | undefined {
  return PM2_FIELDS.find(({ names }) => names.includes(name));
}

function put(site: DraftSite, name: string, value: unknown): Outcome {
  if (value === undefined) return UNREADABLE;
  site[name] = value;
  return { taken: name };
}

function logTo(name: string): Convert {
  return (value, site, cwd) => {
    if (typeof value !== 'string' || value === '')
      return { todo: `${name}; else the default log, which is bounded` };
    return put(site, name, path.resolve(cwd, value));
  };
}

function convertInstances(value: unknown, site: DraftSite): Outcome {
  const count = value === 'max' ? 0 : Number(value);
  if (value === '' || !Number.isInteger(count) || count > 1024) return UNREADABLE;
  if (count === 0) {
    delete site.cpuLen;
    return { taken: 'no cpuLen: one worker a CPU' };
  }
  site.cpuLen = count > 0 ? count : Math.max(1, availableParallelism() + count);
  return { taken: 'cpuLen' };
}

function addExecArgv(site: DraftSite, words: readonly string[]): void {
  const { execArgv = [], ...rest } = site.workerOptions ?? {};
  site.workerOptions = { ...rest, execArgv: [...execArgv, ...words] };
}

/** A list, or a text with blanks, in which quotes hold words together. */
export function wordsOf(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value !== 'string') return undefined;
  return (value.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll(/^["']|["']$/g, ''));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function accountOf(value: unknown): string | number | undefined {
  return typeof value === 'number' ? value : textOf(value);
}

/** Milliseconds, or a text with `s`, `m` or `h`. */
function durationOf(value: unknown): string | undefined {
  if (typeof value === 'number' && value >= 0) return `${Math.round(value)}ms`;
  if (typeof value !== 'string') return undefined;
  return /^\d+[smh]$/.test(value) ? value : /^\d+$/.test(value) ? `${value}ms` : undefined;
}

/** Bytes, or a text with `K`, `M` or `G`. */
function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value > 0 ? value : undefined;
  const [, digits = '', unit = ''] = /^(\d+)([KMG])?B?$/i.exec(typeof value === 'string' ? value : '') ?? [];
  return digits === '' ? undefined : Number(digits) * 1024 ** ' KMG'.indexOf(unit.toUpperCase() || ' ');
}
