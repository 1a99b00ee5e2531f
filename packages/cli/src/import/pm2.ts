// The apps of PM2: of an ecosystem file, or of the dump that `pm2 save` writes.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { toSiteId } from './draft.js';
import { isScriptOfNode } from '../init/node-script.js';
import type { DraftSite, ImportedApp, Remark } from './draft.js';
import { pm2Field, wordsOf } from './pm2-fields.js';

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
  const list = isFields(raw) && 'apps' in raw ? raw['apps'] : raw;
  const entries: unknown[] = Array.isArray(list) ? list : [list];
  return entries.every(isApp) && entries.length > 0 ? entries : undefined;
}

function isApp(value: unknown): value is Fields {
  return (
    isFields(value) && ['script', 'exec', 'pm_exec_path'].some((name) => typeof value[name] === 'string')
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function appOf(entry: Fields, source: string, environment: string | undefined): ImportedApp {
  const remarks: Remark[] = [];
  const base = path.dirname(source);
  const cwd = path.resolve(base, text(entry['cwd']) ?? '.');
  const script = text(entry['script']) ?? text(entry['exec']) ?? '';
  const name = text(entry['name']) ?? path.basename(script, path.extname(script));
  // Without instances PM2 runs one process.
  const site: DraftSite = { siteId: toSiteId(name), cpuLen: 1 };
  if (site.siteId !== name)
    remarks.push({ field: `name ${name}`, todo: `it is called ${site.siteId}: letters, digits, . _ -` });
  placeSite(entry, { site, cwd, script, remarks });
  const env = environmentOf(entry, environment, remarks);
  for (const [field, value] of Object.entries(entry)) {
    if (READ.has(field) || /^env(?:_|$)/.test(field)) continue;
    remarks.push({
      field,
      ...(pm2Field(field)?.convert(value, site, cwd) ?? { todo: 'PM2 does not document it' }),
    });
  }
  // `port` is short for a variable.
  if (typeof entry['port'] === 'number') env['PORT'] = String(entry['port']);
  if (Object.keys(env).length > 0) site.workerOptions = { ...site.workerOptions, env };
  return { source, site, ports: portsOf(env, site, entry), remarks };
}

interface Placing {
  readonly site: DraftSite;
  readonly cwd: string;
  readonly script: string;
  readonly remarks: Remark[];
}

/** `path` and `workerFile`, or what is to be done about what is no file of Node's. */
function placeSite(entry: Fields, { site, cwd, script, remarks }: Placing): void {
  site.path = cwd;
  const manager = /^(?:npm|yarn|pnpm)$/.exec(path.basename(script, '.js'))?.[0];
  if (script === 'serve' && entry['env'] !== undefined && 'PM2_SERVE_PATH' in Object(entry['env'])) {
    remarks.push({
      field: 'script serve',
      todo: 'set workerFile to an app that serves files, such as serve-static',
    });
  } else if (manager === undefined) {
    site.workerFile = path.resolve(cwd, script);
    remarks.push({ field: 'script', taken: 'path, workerFile' });
  } else if (runsNode(cwd, wordsOf(entry['args']) ?? [])) {
    // With the arguments that say which script.
    site.workerFile = manager;
    remarks.push({ field: `script ${script}`, taken: 'path, workerFile: what the script runs' });
  } else {
    remarks.push({ field: `script ${script}`, todo: 'set workerFile to the file that it runs in the end' });
  }
  const interpreter = text(entry['exec_interpreter']) ?? text(entry['interpreter']);
  if (interpreter === undefined || interpreter === 'node') return;
  const field = `interpreter ${interpreter}`;
  const name = path.basename(interpreter);
  if (name === 'node' || name.startsWith('node@')) {
    remarks.push({
      field,
      todo: 'all workers run on one Node: start vhostd with it, or vhostd upgrade --node',
    });
  } else if (LOADERS.has(name)) {
    remarks.push({
      field,
      todo: 'run it by Node: build it, or load it with workerOptions.execArgv (--import tsx)',
    });
  } else {
    site['interpreter'] = interpreter;
    remarks.push({ field, taken: 'interpreter: it listens by itself, if it does' });
  }
}

/** Whether `npm start` or `npm run NAME` runs Node, perhaps with variables: docs/apps.md. */
function runsNode(cwd: string, args: readonly string[]): boolean {
  const name = args[0] === 'run' || args[0] === 'run-script' ? args[1] : args[0];
  try {
    const manifest: unknown = JSON.parse(readFileSync(path.join(cwd, 'package.json'), 'utf8'));
    const scripts = isFields(manifest) && isFields(manifest['scripts']) ? manifest['scripts'] : {};
    return isScriptOfNode(scripts[name ?? 'start']);
  } catch {
    return false;
  }
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

/** They run what Node runs, and more. */
const LOADERS: ReadonlySet<string> = new Set(['tsx', 'ts-node', 'bun', 'deno', 'babel-node', 'coffee']);
/** Fields that are read by name above. */
const READ: ReadonlySet<string> = new Set([
  'name',
  'script',
  'exec',
  'cwd',
  'exec_interpreter',
  'interpreter',
  'port',
]);
const DUMP_DEFAULTS: ReadonlySet<string> = new Set(
  'vizion pmx automation windowsHide kill_retry_time username treekill namespace instance_var autostart exec_mode'.split(
    ' ',
  ),
);
const OF_SHELL =
  /^(?:PATH|HOME|SHELL|PWD|OLDPWD|USER|LOGNAME|TERM|LANG|LC_.*|SHLVL|HOSTNAME|MAIL|EDITOR|DISPLAY|COLORTERM|LS_COLORS|SSH_.*|XDG_.*|DBUS_.*|NVM_.*|npm_.*|INIT_CWD|NODE)$/;
