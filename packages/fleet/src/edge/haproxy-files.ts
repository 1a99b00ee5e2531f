// The files of HAProxy (2.6 and later) for a plan: its conf, and the maps that lead hosts to backends. Pure.
import type { EdgeConf } from './edge-conf.js';
import type { Plan, PlannedCheck, PlannedServer } from './haproxy-plan.js';

/** File names in the edge's directory, and what is in them. */
export interface HaproxyFiles {
  readonly 'haproxy.cfg': string;
  readonly 'http.map': string;
  readonly 'tls.map': string;
  readonly 'http-suffix.map': string;
  readonly 'tls-suffix.map': string;
}

export function haproxyFiles(plan: Plan, conf: Pick<EdgeConf, 'dir' | 'http' | 'https'>): HaproxyFiles {
  return {
    'http.map': mapText(exactHosts(plan, 'http')),
    'tls.map': mapText(exactHosts(plan, 'tls')),
    'http-suffix.map': mapText(suffixes(plan, 'http')),
    'tls-suffix.map': mapText(suffixes(plan, 'tls')),
    // Written last: where it is, so is all that it names.
    'haproxy.cfg': [
      ...head(conf.dir),
      ...(conf.http.length === 0 ? [] : httpFrontend(plan, conf.dir, conf.http)),
      ...(conf.https.length === 0 ? [] : tlsFrontend(plan, conf.dir, conf.https)),
      ...plan.checks.flatMap(checkBackend),
      ...plan.backends.flatMap(({ name, kind, servers }) => [
        `backend ${name}`,
        ...(kind === 'tls' ? ['  mode tcp'] : []),
        ...servers
          .filter(({ drain }) => !drain)
          .map((server) => `  server ${server.name} ${serverWords(server)}`),
      ]),
      '',
    ].join('\n'),
  };
}

/** What comes behind a server's name, in the conf and in `add server`. */
export function serverWords({ address, weight, track, proxy }: PlannedServer): string {
  return `${address} weight ${weight} track ${track}${proxy ? ' send-proxy-v2' : ''}`;
}

/** The hosts of a kind with a backend of their own. */
export function exactHosts({ backends }: Plan, kind: 'http' | 'tls'): Map<string, string> {
  const exact = backends.filter(({ name }) => name.startsWith(`${kind}:`) && !name.startsWith(`${kind}::`));
  return new Map(exact.map(({ name }) => [hostOf(name.slice(kind.length + 1)), name]));
}

function hostOf(name: string): string {
  return name.startsWith('ip6:') ? `[${name.slice('ip6:'.length)}]` : name;
}

/** The first one that fits is taken: the longest come first. */
function suffixes({ backends }: Plan, kind: 'http' | 'tls'): Map<string, string> {
  const found = backends.filter(({ name }) => name.startsWith(`${kind}::`) && name.length > kind.length + 2);
  const entries = found.map(({ name }) => [`.${name.slice(kind.length + 2)}`, name] as const);
  return new Map(entries.toSorted(([one], [other]) => other.length - one.length || (one < other ? -1 : 1)));
}

function mapText(entries: ReadonlyMap<string, string>): string {
  return [...entries].map(([host, backend]) => `${host} ${backend}\n`).join('');
}

function head(dir: string): string[] {
  return [
    '# Written by vhostd edge, which overwrites it.',
    'global',
    `  stats socket ${dir}/admin.sock mode 600 level admin expose-fd listeners`,
    `  server-state-file ${dir}/servers.state`,
    'defaults',
    '  mode http',
    '  timeout connect 1s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  timeout http-request 10s',
    '  timeout tunnel 1h',
    // Of an answer; the connection has timeout connect. A machine that is busy is not gone.
    '  timeout check 5s',
    // Of what no machine has taken, another one is asked; nothing else is sent twice.
    '  retries 3',
    '  retry-on conn-failure',
    '  option redispatch 1',
    // A machine that has gone without a word ends what waits for it.
    '  option srvtcpka',
    '  srvtcpka-idle 5s',
    '  srvtcpka-intvl 2s',
    '  srvtcpka-cnt 3',
    // A kept connection to a machine may end at the moment at which it is used again.
    '  option http-server-close',
    '  load-server-state-from-file global',
    '  default-server inter 1s fastinter 250ms downinter 500ms fall 2 rise 1',
  ];
}

function httpFrontend(plan: Plan, dir: string, binds: readonly string[]): string[] {
  const isFound = '{ var(txn.backend) -m found }';
  const set = 'http-request set-var(txn.backend)';
  return [
    'frontend http',
    ...binds.map((bind) => `  bind ${bind}`),
    // A process that another one has replaced ends kept connections with their next answer, not between two.
    '  option idle-close-on-response',
    '  http-request set-var(txn.host) req.hdr(host),lower,host_only,rtrim(.)',
    `  ${set} var(txn.host),map_str(${dir}/http.map)`,
    `  ${set} var(txn.host),map_end(${dir}/http-suffix.map) if !${isFound}`,
    ...(hasDefault(plan, 'http') ? [`  ${set} str(http::) if !${isFound}`] : []),
    `  http-request return status 421 if !${isFound}`,
    '  use_backend %[var(txn.backend)]',
  ];
}

function tlsFrontend(plan: Plan, dir: string, binds: readonly string[]): string[] {
  const hello = '{ req.ssl_hello_type 1 }';
  const isFound = '{ var(txn.backend) -m found }';
  const set = 'tcp-request content set-var(txn.backend)';
  return [
    'frontend https',
    '  mode tcp',
    ...binds.map((bind) => `  bind ${bind}`),
    '  tcp-request inspect-delay 5s',
    `  tcp-request content set-var(txn.host) req.ssl_sni,lower if ${hello}`,
    `  ${set} var(txn.host),map_str(${dir}/tls.map) if ${hello}`,
    `  ${set} var(txn.host),map_end(${dir}/tls-suffix.map) if ${hello} !${isFound}`,
    ...(hasDefault(plan, 'tls') ? [`  ${set} str(tls::) if ${hello} !${isFound}`] : []),
    `  tcp-request content accept if ${hello} ${isFound}`,
    '  tcp-request content reject',
    '  use_backend %[var(txn.backend)]',
  ];
}

function hasDefault({ backends }: Plan, kind: 'http' | 'tls'): boolean {
  return backends.some(({ name }) => name === `${kind}::`);
}

function checkBackend({ name, machine, address, path, proxy }: PlannedCheck): string[] {
  const sent = `  http-check send meth GET uri ${path} ver HTTP/1.1 hdr host vhostd.invalid`;
  return [
    `backend ${name}`,
    ...(path === undefined ? ['  mode tcp'] : ['  option httpchk', sent, '  http-check expect status 200']),
    `  server ${machine} ${address} check${proxy ? ' send-proxy-v2 check-send-proxy' : ''}`,
  ];
}
