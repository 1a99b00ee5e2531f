// The blocks `server` of nginx: which hosts and addresses lead to which port, and what is said of the rest.
import type { DraftListen, ImportedServer, Remark } from './draft.js';
import { adviceFor } from './nginx-advice.js';
import { httpsRedirectOf } from './nginx-redirect.js';
import type { Directive } from './nginx-syntax.js';
import { pathOfTarget, portsOfTarget } from './nginx-target.js';

/**
 * Every server below `directives`, which may be a whole nginx.conf or a file of sites-enabled, and behind them one without
 * addresses for what stands around them and is not taken. Pure.
 */
export function serversOf(directives: readonly Directive[], source: string): ImportedServer[] {
  const http = directives.filter(({ name }) => name === 'http').flatMap(({ block = [] }) => block);
  const within = [...directives.filter(({ name }) => name !== 'http'), ...http];
  const upstreams = new Map(
    within.flatMap(({ name, args, block = [] }) =>
      name === 'upstream' ? [[args[0] ?? '', block] as const] : [],
    ),
  );
  const inherited = within.filter(({ name }) => INHERITED.has(name));
  const servers = within
    .filter(({ name, block }) => name === 'server' && block !== undefined)
    .map(({ block = [], line }) => serverOf(block, { inherited, upstreams, source, line }));
  const remarks = within
    .filter(({ name }) => !READ_AROUND.has(name) && !INHERITED.has(name))
    .map((directive): Remark => ({ field: shown(directive), todo: adviceFor(directive) }));
  if (servers.length === 0 || remarks.length === 0) return servers;
  return [...servers, { source, name: 'what stands around the servers', listen: [], ports: [], remarks }];
}

/** Files that `include` names and that could not be read. Pure. */
export function unreadIncludes(directives: readonly Directive[]): string[] {
  return directives.flatMap(({ name, args, block = [] }) =>
    name === 'include' ? [args.join(' ')] : unreadIncludes(block),
  );
}

interface Surroundings {
  /** Directives of the level above that hold for a server which has none of its own. */
  readonly inherited: readonly Directive[];
  readonly upstreams: ReadonlyMap<string, readonly Directive[]>;
  readonly source: string;
  readonly line: number;
}

function serverOf(
  block: readonly Directive[],
  { inherited, upstreams, source, line }: Surroundings,
): ImportedServer {
  const own = new Set(block.map(({ name }) => name));
  const directives = [...block, ...inherited.filter(({ name }) => !own.has(name))];
  const remarks: Remark[] = [];
  const [names, isNameless] = namesOf(directives, remarks);
  const listen = listensOf(directives, remarks);
  const keys = keysOf(
    directives,
    listen.some(({ entry }) => entry.type === 'ssl'),
    remarks,
  );
  const ports = portsOf(block, upstreams, remarks);
  const redirect = ports.length === 0 ? httpsRedirectOf(block, names) : undefined;
  for (const directive of block) {
    if (redirect !== undefined && OF_REDIRECT.has(directive.name)) continue;
    if (!HANDLED.has(directive.name)) remarks.push({ field: shown(directive), todo: adviceFor(directive) });
  }
  // Hosts that cannot be named are not those of everybody.
  const hosts = isNameless ? [undefined] : names;
  const entries = listen.flatMap(({ entry, isDefault }) =>
    (isDefault ? [...hosts, undefined] : hosts).map((host) => ({
      ...(entry.type === undefined ? {} : { type: entry.type }),
      ...(host === undefined ? {} : { host }),
      port: entry.port,
      ...(entry.ipaddress === undefined ? {} : { ipaddress: entry.ipaddress }),
      ...(entry.type === undefined ? {} : keys),
      ...(entry.proxyProtocol === undefined ? {} : { proxyProtocol: entry.proxyProtocol }),
    })),
  );
  return {
    source,
    name: `server ${names[0] ?? listen[0]?.entry.port ?? ''}, line ${line}`,
    listen: distinct(entries),
    ports,
    remarks: redirect === undefined ? remarks : remarks.filter(({ field }) => field !== 'location /'),
    ...(redirect === undefined ? {} : { redirect: shown(redirect) }),
  };
}

function namesOf(
  directives: readonly Directive[],
  remarks: Remark[],
): [names: string[], isNameless: boolean] {
  const written = directives.filter(({ name }) => name === 'server_name').flatMap(({ args }) => args);
  const names = written.flatMap((name): string[] => {
    if (name === '_' || name === '""' || name === '') return [];
    if (name.startsWith('~') || /^[^.]+\.\*$|\*$/.test(name)) {
      remarks.push({
        field: `server_name ${name}`,
        todo: 'write each host that it means: there are exact names and *.name',
      });
      return [];
    }
    // A leading dot is short for the name and all below it.
    return name.startsWith('.') ? [name.slice(1), `*${name}`] : [name];
  });
  if (names.length > 0) remarks.push({ field: 'server_name', taken: 'listen[].host' });
  return [
    names,
    written.length === 0 || (names.length === 0 && written.every((name) => !name.startsWith('~'))),
  ];
}

interface ReadListen {
  readonly entry: DraftListen;
  readonly isDefault: boolean;
}

function listensOf(directives: readonly Directive[], remarks: Remark[]): ReadListen[] {
  const written = directives.filter(({ name }) => name === 'listen');
  const isAllTls = directives.some(({ name, args }) => name === 'ssl' && args[0] === 'on');
  const balancers = directives.filter(({ name }) => name === 'set_real_ip_from').flatMap(({ args }) => args);
  // Without one nginx listens on port 80.
  const lists = written.length === 0 ? [['80']] : written.map(({ args }) => args);
  const found = lists.flatMap(([address = '', ...flags]): ReadListen[] => {
    const place = placeOf(address);
    if (place === undefined) {
      remarks.push({
        field: `listen ${address}`,
        todo: 'name an IP address and a port: there are no Unix sockets and no names',
      });
      return [];
    }
    const rest = flags.filter((flag) => !FLAGS.has(flag.split('=')[0] ?? ''));
    if (rest.length > 0) remarks.push({ field: `listen … ${rest.join(' ')}`, todo: listenAdvice(rest) });
    const isProxied = flags.includes('proxy_protocol');
    if (isProxied && balancers.length === 0) {
      remarks.push({
        field: 'listen … proxy_protocol',
        todo: 'name the balancers in listen[].proxyProtocol',
      });
    }
    const entry = {
      ...(isAllTls || flags.includes('ssl') ? { type: 'ssl' as const } : {}),
      ...place,
      ...(isProxied && balancers.length > 0 ? { proxyProtocol: balancers } : {}),
    };
    return [{ entry, isDefault: flags.includes('default_server') || flags.includes('default') }];
  });
  if (found.length > 0) remarks.push({ field: 'listen', taken: 'listen[].port, type, ipaddress' });
  return found;
}

/** `80`, `*:80`, `1.2.3.4:80`, `[::]:80`; a wildcard of either family is all addresses here. */
function placeOf(address: string): { port: number; ipaddress?: string } | undefined {
  const match = /^(?:(?<ip>\*|\d+\.\d+\.\d+\.\d+|\[[\da-fA-F:.]+\]):?)?(?<port>\d{1,5})?$/.exec(address);
  const { ip, port = '80' } = match?.groups ?? {};
  if (match === null || address === '' || Number(port) > 65_535) return undefined;
  const ipaddress = ip?.replaceAll(/[[\]]/g, '');
  const isAny = ipaddress === undefined || ['*', '0.0.0.0', '::'].includes(ipaddress);
  return { port: Number(port), ...(isAny ? {} : { ipaddress }) };
}

function keysOf(
  directives: readonly Directive[],
  isUsed: boolean,
  remarks: Remark[],
): { key?: string; cert?: string } {
  const certs = directives.filter(({ name }) => name === 'ssl_certificate');
  const keys = directives.filter(({ name }) => name === 'ssl_certificate_key');
  const [cert, key] = [certs[0]?.args[0], keys[0]?.args[0]];
  if (!isUsed || cert === undefined || key === undefined) return {};
  remarks.push({
    field: 'ssl_certificate, ssl_certificate_key',
    taken: "listen[].cert, key; the site's user must be able to read them",
  });
  if (certs.length > 1)
    remarks.push({
      field: `ssl_certificate ${certs[1]?.args[0]}`,
      todo: 'an entry has one certificate: leave the RSA one out',
    });
  return { key, cert };
}

/** Where the server sends requests: the port of `location /`, else the only one that there is. */
function portsOf(
  block: readonly Directive[],
  upstreams: ReadonlyMap<string, readonly Directive[]>,
  remarks: Remark[],
): number[] {
  const locations = block.filter(({ name }) => name === 'location');
  const proxies = [
    ...block
      .filter(({ name }) => name === 'proxy_pass')
      .map((proxy) => ({ where: '/', proxy, inner: [] as readonly Directive[] })),
    ...locations.flatMap(({ args, block: inner = [] }) =>
      inner
        .filter(({ name }) => name === 'proxy_pass')
        .map((proxy) => ({ where: args.join(' '), proxy, inner })),
    ),
  ];
  const main = proxies.find(({ where }) => where === '/') ?? (proxies.length === 1 ? proxies[0] : undefined);
  for (const { args, block: inner = [] } of locations) {
    if (inner === main?.inner) continue;
    remarks.push({ field: `location ${args.join(' ')}`, todo: locationAdvice(inner) });
  }
  if (main === undefined) return [];
  for (const directive of main.inner) {
    if (directive !== main.proxy) remarks.push({ field: shown(directive), todo: adviceFor(directive) });
  }
  const target = main.proxy.args[0] ?? '';
  const ports = portsOfTarget(target, upstreams, remarks);
  if (/^\/./.test(pathOfTarget(target)) || (main.where.startsWith('/') && main.where !== '/')) {
    remarks.push({
      field: `location ${main.where} → ${target}`,
      todo: 'the app sees the whole path: no prefix is taken away',
    });
  }
  return ports;
}

function locationAdvice(inner: readonly Directive[]): string {
  const names = new Set(inner.map(({ name }) => name));
  if (names.has('proxy_pass'))
    return 'a host leads to one site: give this app a host of its own, or let the main app pass it on';
  if (names.has('root') || names.has('alias') || names.has('try_files')) {
    return 'serve the files in the app (express.static, @fastify/static, …)';
  }
  if (names.has('return') || names.has('rewrite')) return 'answer so in the app';
  return 'do it in the app';
}

function listenAdvice(flags: readonly string[]): string {
  if (flags.some((flag) => flag.startsWith('http2') || flag === 'quic')) {
    return 'the app speaks HTTP/2: http2.createSecureServer({ allowHTTP1: true }, app); there is no HTTP/3';
  }
  return 'nothing like it';
}

function distinct(entries: readonly DraftListen[]): DraftListen[] {
  const known = new Map(entries.map((entry) => [JSON.stringify(entry), entry]));
  return [...known.values()];
}

function shown({ name, args }: Directive): string {
  return [name, ...args].join(' ').slice(0, 60);
}

const INHERITED: ReadonlySet<string> = new Set([
  'ssl_certificate',
  'ssl_certificate_key',
  'ssl',
  'set_real_ip_from',
]);
/** Each of these has its own function above. */
const HANDLED: ReadonlySet<string> = new Set([
  'server_name',
  'listen',
  'ssl',
  'ssl_certificate',
  'ssl_certificate_key',
  'location',
  'proxy_pass',
  'set_real_ip_from',
]);
/** They stand around servers, and are read there or told elsewhere. */
const READ_AROUND: ReadonlySet<string> = new Set([
  'server',
  'upstream',
  'include',
  'http',
  'events',
  'set_real_ip_from',
]);
/** What a server that only sends clients on consists of; what else `if` and 404 mean there, the redirect means too. */
const OF_REDIRECT: ReadonlySet<string> = new Set(['return', 'rewrite', 'if']);
/** What may stand behind an address and is taken, or is so anyway. */
const FLAGS: ReadonlySet<string> = new Set([
  'ssl',
  'default_server',
  'default',
  'proxy_protocol',
  'reuseport',
  'ipv6only',
  'deferred',
  'so_keepalive',
]);
