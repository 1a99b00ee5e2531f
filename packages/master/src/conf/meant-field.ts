// Finds the field that somebody means who writes a key in the wrong place, or in the words of another tool.

/** What is meant by `key` among the fields of a site, by those who come from PM2 or nginx; undefined where it is no word of theirs. */
export function meantField(key: string): string | undefined {
  return Object.hasOwn(SITE_WORDS, key) ? SITE_WORDS[key] : undefined;
}

/** Where a field of this name is within a JSON Schema, as `listen[].host`; the nearest to its top. */
export function placeWithin(schema: unknown, key: string): string | undefined {
  let level: (readonly [path: string, node: unknown])[] = [['', schema]];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const next: (readonly [path: string, node: unknown])[] = [];
    for (const [path, node] of level) {
      const properties = field(node, 'properties');
      if (Object.hasOwn(Object(properties), key)) return `${path}${key}`;
      for (const [name, value] of Object.entries(Object(properties))) {
        const items = field(value, 'items');
        next.push(items === undefined ? [`${path}${name}.`, value] : [`${path}${name}[].`, items]);
      }
      const choices = field(node, 'anyOf');
      if (Array.isArray(choices)) next.push(...choices.map((choice) => [path, choice] as const));
    }
    level = next;
  }
  return undefined;
}

/** Whether this is what PM2 reads: `{ apps }`, or one app, or a list of them. */
export function isPm2Conf(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null || 'sites' in raw) return false;
  if (Array.isArray(raw)) return raw.length > 0 && raw.every((app) => 'script' in Object(app));
  return 'apps' in raw || 'script' in raw;
}

function field(value: unknown, key: string): unknown {
  return Object.hasOwn(Object(value), key) ? Reflect.get(Object(value), key) : undefined;
}

const MAX_DEPTH = 6;

/** A key → the field that it is here, or what else to write. */
const SITE_WORDS: Readonly<Record<string, string>> = {
  name: 'siteId',
  script: 'path',
  entry: 'workerFile',
  main: 'workerFile',
  args: 'workerArgs',
  instances: 'cpuLen',
  workers: 'cpuLen',
  node_args: 'workerOptions.execArgv',
  nodeArgs: 'workerOptions.execArgv',
  interpreter_args: 'workerOptions.execArgv',
  env_file: 'envFile',
  max_memory_restart: 'memoryLimit',
  cron_restart: 'cron',
  out_file: 'logOutput',
  output: 'logOutput',
  error_file: 'logError',
  log_file: 'logAll',
  kill_timeout: 'stopTimeout',
  listen_timeout: 'bootTimeout',
  wait_ready: 'waitReady',
  restart_delay: 'restart.backoffMin',
  exp_backoff_restart_delay: 'restart.backoffMin',
  max_restarts: 'restart.intensity',
  min_uptime: 'restart.period',
  uid: 'user',
  gid: 'group',
  hosts: 'listen[].host',
  server_name: 'listen[].host',
  ports: 'listen[].port',
  ip: 'listen[].ipaddress',
  address: 'listen[].ipaddress',
  ssl_certificate: 'listen[].cert',
  ssl_certificate_key: 'listen[].key',
  access_log: 'accessLog',
  error_log: 'logError',
  instance_var: 'instanceVar',
};
