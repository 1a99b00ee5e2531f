// The apps of PM2: of an ecosystem file, or of the dump that `pm2 save` writes.
import path from 'node:path';
import { nearestKey } from '@vhostd/master/nearest-key';
import { toSiteId } from './draft.js';
import type { DraftSite, ImportedApp, Remark } from './draft.js';
import { pm2Field, PM2_FIELDS } from './pm2-fields.js';
import { placeSite } from './pm2-script.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Each app that `raw` names: `{ apps }`, a list, or one app. Undefined where it is nothing of the kind.
 * @param environment Which `env_NAME` is added to `env`.
 */
export function pm2Apps(raw: unknown, source: string, environment?: string): ImportedApp[] | undefined {
  const entries = entriesOf(raw);
  if (entries === undefined) return undefined;
  if (entries.some((entry) => 'pm_exec_path' in entry)) return dumpApps(entries, source);
  const apps = entries.map((entry) => appOf(entry, source, environment));
  const deploy =
    isFields(raw) && 'deploy' in raw
      ? pm2Field('deploy')?.convert(raw['deploy'], { siteId: '' }, '')
      : undefined;
  if (deploy !== undefined) apps[0]?.remarks.push({ field: 'deploy', ...deploy });
  return apps;
}

function entriesOf(raw: unknown): Fields[] | undefined {
  const list = isFields(raw) ? (raw['apps'] ?? raw['pm2'] ?? raw) : raw;
  const entries: unknown[] = Array.isArray(list) ? list : [list];
  return entries.every(isApp) && entries.length > 0 ? entries : undefined;
}

function isApp(value: unknown): value is Fields {
  return isFields(value) && [...SCRIPTS, 'pm_exec_path'].some((name) => typeof value[name] === 'string');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function appOf(entry: Fields, source: string, environment: string | undefined): ImportedApp {
  const remarks: Remark[] = [];
  const base = path.dirname(source);
  const cwd = path.resolve(base, text(entry['cwd']) ?? '.');
  const script = text(SCRIPTS.map((each) => entry[each]).find((value) => text(value) !== undefined)) ?? '';
  const name = text(entry['name']) ?? path.basename(script, path.extname(script));
  // Without instances PM2 runs one process.
  const site: DraftSite = { siteId: toSiteId(name), cpuLen: 1 };
  if (text(entry['name']) !== undefined && site.siteId !== name)
    remarks.push({ field: `name ${name}`, todo: `it is called ${site.siteId}: letters, digits, . _ -` });
  const isWhole = placeSite(entry, { site, cwd, script, remarks });
  const env = { ...site.workerOptions?.env, ...environmentOf(entry, environment, remarks) };
  for (const [field, value] of Object.entries(entry)) {
    if (READ.has(field) || /^env(?:_|$)/.test(field) || (isWhole && field === 'args')) continue;
    remarks.push({
      field,
      ...(pm2Field(field)?.convert(value, site, cwd) ?? { todo: whatIsMeant(field) }),
    });
  }
  // `port` is short for a variable.
  if (typeof entry['port'] === 'number') env['PORT'] = String(entry['port']);
  if (Object.keys(env).length > 0) site.workerOptions = { ...site.workerOptions, env };
  return { source, site, ports: portsOf(env, site, entry), remarks };
}

/** What is to be done about a field that PM2 does not know. */
function whatIsMeant(field: string): string {
  const meant = nearestKey(field, FIELD_NAMES);
  return meant === undefined
    ? 'PM2 does not document it'
    : `did you mean ${meant}? correct it, and import anew`;
}

/** Why there is no app in a file. */
export function whyNoApps(raw: unknown): string {
  const list = isFields(raw) ? (raw['apps'] ?? raw['pm2']) : raw;
  if (isFields(raw) && list === undefined && !isApp(raw)) {
    const field = Object.keys(raw).find((name) => name !== 'name' && nearestKey(name, LISTS) !== undefined);
    if (field !== undefined) return `no app of PM2: did you mean ${nearestKey(field, LISTS)} by ${field}?`;
  }
  const entries: unknown[] = Array.isArray(list) ? list : [];
  const index = entries.findIndex((entry) => !isApp(entry));
  const entry = entries[index];
  if (!isFields(entry)) return NO_APPS;
  const which = text(entry['name']) ?? `number ${index + 1}`;
  const field = Object.keys(entry).find((name) => nearestKey(name, FIELD_NAMES) === 'script');
  return `an app without a script, ${which}${field === undefined ? '' : `: did you mean script by ${field}?`}`;
}

function environmentOf(
  entry: Fields,
  environment: string | undefined,
  remarks: Remark[],
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [field, value] of Object.entries(entry)) {
    if (!/^env(?:_|$)/.test(field)) continue;
    const isWanted = field === 'env' || field === `env_${environment}`;
    if (!isWanted) remarks.push({ field, todo: `vhostd import --env ${field.slice(4)} adds it` });
    else if (!isFields(value))
      remarks.push({ field, todo: 'it is no object: write workerOptions.env by hand' });
    else {
      Object.assign(env, textsOf(value));
      remarks.push({ field, taken: 'workerOptions.env' });
    }
  }
  return env;
}

function textsOf(values: Fields): Record<string, string> {
  const scalar = Object.entries(values).filter(([, value]) =>
    ['string', 'number', 'boolean'].includes(typeof value),
  );
  return Object.fromEntries(scalar.map(([name, value]) => [name, String(value)]));
}

/** Where the app listens, as far as PM2 knows: PORT, or an argument `--port`. */
function portsOf(
  env: Readonly<Record<string, string>>,
  { workerArgs, cpuLen = 1 }: DraftSite,
  entry: Fields,
): number[] {
  const words = Array.isArray(workerArgs) ? workerArgs.map(String) : [];
  const index = words.findIndex((word) => word === '--port' || word === '-p');
  const named = index === -1 ? words.find((word) => word.startsWith('--port='))?.slice(7) : words[index + 1];
  const port = Number(env['PORT'] ?? named);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return [];
  // One port an instance, which all lead to the same site now.
  return Array.from({ length: entry['increment_var'] === 'PORT' ? cpuLen : 1 }, (_, number) => port + number);
}

/** One app for all instances of a name. */
function dumpApps(entries: readonly Fields[], source: string): ImportedApp[] {
  const groups = new Map<string, Fields[]>();
  for (const entry of entries) {
    const name = text(entry['name']) ?? '';
    groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  return [...groups.values()].map((instances) => {
    const [entry = {}] = instances;
    const written = Object.entries(entry).filter(
      ([field, value]) => pm2Field(field) !== undefined && !isUsual(field, value),
    );
    const { env, left } = ownVariables(entry);
    const app = appOf(
      {
        ...Object.fromEntries(written),
        name: entry['name'],
        script: entry['pm_exec_path'],
        cwd: entry['pm_cwd'],
        exec_interpreter: entry['exec_interpreter'],
        instances: instances.length,
        env,
      },
      source,
      undefined,
    );
    if (left > 0)
      app.remarks.push({
        field: `env (${left} of the shell)`,
        todo: 'workerOptions.env, for those that the app reads',
      });
    return app;
  });
}

/** A dump has every default of PM2's, and its own paths. */
function isUsual(field: string, value: unknown): boolean {
  if (field === 'instances' || field === 'pm_pid_path') return true;
  if (field.endsWith('_log_path')) return typeof value !== 'string' || value.includes('/.pm2/logs/');
  return DUMP_DEFAULTS.has(field) || (Array.isArray(value) && value.length === 0);
}

/** A dump mixes the variables of the app with those of the shell that started it, and with PM2's own. */
function ownVariables(entry: Fields): { env: Record<string, string>; left: number } {
  const all = isFields(entry['env']) ? textsOf(entry['env']) : {};
  const names = Object.keys(all).filter(
    (name) => !/^(?:PM2_|unique_id$|_$)/.test(name) && name !== entry['name'],
  );
  const own = names.filter((name) => !OF_SHELL.test(name) && process.env[name] !== all[name]);
  return {
    env: Object.fromEntries(own.map((name) => [name, all[name] ?? ''])),
    left: names.length - own.length,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The names of what is run; the first that is there counts. */
const SCRIPTS = ['script', 'exec', 'cmd', 'command'] as const;
/** Fields that are read by name above. */
const READ: ReadonlySet<string> = new Set([
  'name',
  ...SCRIPTS,
  'cwd',
  'exec_interpreter',
  'interpreter',
  'port',
]);
const FIELD_NAMES: readonly string[] = [...READ, 'env', ...PM2_FIELDS.flatMap(({ names }) => names)];
const LISTS: readonly string[] = ['apps'];
const NO_APPS = 'no app of PM2: { apps: [{ script, … }] }, or what pm2 save wrote';
const DUMP_DEFAULTS: ReadonlySet<string> = new Set(
  'vizion pmx automation windowsHide kill_retry_time username treekill namespace instance_var autostart exec_mode'.split(
    ' ',
  ),
);
const OF_SHELL =
  /^(?:PATH|HOME|SHELL|PWD|OLDPWD|USER|LOGNAME|TERM|LANG|LC_.*|SHLVL|HOSTNAME|MAIL|EDITOR|DISPLAY|COLORTERM|LS_COLORS|SSH_.*|XDG_.*|DBUS_.*|NVM_.*|npm_.*|INIT_CWD|NODE)$/;
