// The keys that Traefik 3 reads in etcd (its KV provider, https://doc.traefik.io/traefik/reference/routing-configuration/
// other-providers/kv/), and beside them the records of vhostd, which Traefik leaves alone: it reads nothing of its root but
// http, tcp, udp and tls. One key of a kind that it does not know, and it takes none of them: what only some versions know
// is not written.
import type { FleetSettings } from '@vhostd/protocol';
import { parseKey } from '../layout.js';
import type { HostListen, HostRecord } from '../layout.js';
import type { Layout, SharedKeys } from './layout-writer.js';
import { vhostdLayout } from './vhostd-layout.js';

type TraefikSettings = Pick<FleetSettings, 'prefix' | 'machine' | 'healthPath'>;

/** A router and a service of Traefik's for a host, as keys: what all machines write alike, and servers of this one. */
interface Route {
  readonly shared: SharedKeys;
  readonly servers: ReadonlyMap<string, string>;
}

/** What HTTP and TLS have each of its own. */
interface Kind {
  readonly rule: (host: string) => string;
  /** The key of a server's address, and what that begins with. */
  readonly address: 'url' | 'address';
  readonly scheme: 'http://' | '';
  /** Keys beside those of any router and service, and what they have; undefined: there is to be none. */
  readonly others: (
    name: string,
    settings: TraefikSettings,
    ways: readonly HostListen[],
  ) => Readonly<Record<string, string | undefined>>;
}

export function traefikLayout(settings: TraefikSettings): Layout {
  const records = vhostdLayout({ prefix: `${settings.prefix}/vhostd` });
  return {
    root: records.root,
    followMs: FOLLOW_MS,
    write(written) {
      const own = new Map(records.write(written).own);
      const shared: SharedKeys[] = [];
      for (const [key, record] of written) {
        const name = parseKey(records.root, key);
        if (name?.kind !== 'host' || !('listen' in record)) continue;
        for (const route of routesOf(settings, name.host, record)) {
          shared.push(route.shared);
          for (const [server, address] of route.servers) own.set(server, address);
        }
      }
      return { own, shared };
    },
  };
}

function routesOf(settings: TraefikSettings, host: string, record: HostRecord): Route[] {
  const ofKind = (tls: HostListen['tls']): HostListen[] => record.listen.filter((way) => way.tls === tls);
  // Traefik sends no header of the PROXY protocol with HTTP.
  const clear = ofKind('none').filter(({ proxy }) => proxy === 'none');
  // A service has the header or not. Clients name no address by SNI.
  const [first, ...others] = host.startsWith('[') ? [] : ofKind('passthrough');
  const secure = first === undefined ? [] : [first, ...others.filter(({ proxy }) => proxy === first.proxy)];
  return [
    ...(clear.length === 0 ? [] : [routeOf('http', settings, { host, record, ways: clear })]),
    ...(secure.length === 0 ? [] : [routeOf('tcp', settings, { host, record, ways: secure })]),
  ];
}

/** A router and a service of the host's name. What is in drain is no server; its router stays until all have gone. */
function routeOf(
  kind: 'http' | 'tcp',
  settings: TraefikSettings,
  { host, record, ways }: { host: string; record: HostRecord; ways: readonly HostListen[] },
): Route {
  const { rule, address, scheme, others } = KINDS[kind];
  const root = `${settings.prefix}/${kind}`;
  const name = nameOf(host);
  const servers = `${root}/services/${name}/loadBalancer/servers/`;
  const values = {
    [`routers/${name}/rule`]: rule(host),
    [`routers/${name}/priority`]: priorityOf(host),
    [`routers/${name}/service`]: name,
    ...others(name, settings, ways),
  };
  const up = (record.state === 'up' ? ways : []).map(
    ({ port }) =>
      [
        `${servers}${serverNumber(settings.machine, port)}/${address}`,
        `${scheme}${authority(record.address, port)}`,
      ] as const,
  );
  return {
    shared: {
      servers,
      own: up.map(([key]) => key),
      values: new Map(Object.entries(values).map(([key, value]) => [`${root}/${key}`, value])),
    },
    servers: new Map(up),
  };
}

/** Never digits alone, which would be an index, and never with an @, which stands before a provider's name. */
function nameOf(host: string): string {
  return `vhostd-${host}`;
}

function httpRule(host: string): string {
  if (host === '*') return 'PathPrefix(`/`)';
  if (host.startsWith('*.')) return `HostRegexp(\`${suffixPattern(host)}\`)`;
  // Without a port Traefik leaves the brackets, with one it takes them off.
  if (host.startsWith('[')) return `Host(\`${host}\`) || Host(\`${host.slice(1, -1)}\`)`;
  return `Host(\`${host}\`)`;
}

function tcpRule(host: string): string {
  return host.startsWith('*.') ? `HostSNIRegexp(\`${suffixPattern(host)}\`)` : `HostSNI(\`${host}\`)`;
}

/** One label or more before it, but not the bare name. */
function suffixPattern(host: string): string {
  return `^.+${host.slice(1).replaceAll('.', String.raw`\.`)}$`;
}

/**
 * A host's own router has Traefik's priority, the length of its rule, so that longer rules of others for it come first.
 * That is more than the length of a wildcard that matches the host, and of a shorter wildcard: their length is theirs.
 */
function priorityOf(host: string): string | undefined {
  return host.startsWith('*') ? String(host.length) : undefined;
}

function authority(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Its index among the servers of a service: two digits a character of the machine's name, five for the port. */
function serverNumber(machine: string, port: number): string {
  const digits = Array.from(machine, (char) => char.charCodeAt(0) - CHAR_BASE);
  return `${digits.join('')}${String(port).padStart(PORT_DIGITS, '0')}`;
}

/** From `-` to `z`, names have two digits a character. */
const CHAR_BASE = 32;
const PORT_DIGITS = 5;
const RETRY_ATTEMPTS = '3';
const HEALTH_INTERVAL = '5s';
const HEALTH_TIMEOUT = '5s';
/** Traefik gathers changes for 2 s (`providersThrottleDuration`). */
const FOLLOW_MS = 3000;

const KINDS: Record<'http' | 'tcp', Kind> = {
  http: {
    rule: httpRule,
    address: 'url',
    scheme: 'http://',
    others: (name, { healthPath }) => ({
      // Another machine is asked where nothing of a request was sent.
      [`routers/${name}/middlewares/0`]: name,
      [`middlewares/${name}/retry/attempts`]: RETRY_ATTEMPTS,
      [`services/${name}/loadBalancer/healthCheck/path`]: healthPath,
      [`services/${name}/loadBalancer/healthCheck/interval`]: healthPath && HEALTH_INTERVAL,
      [`services/${name}/loadBalancer/healthCheck/timeout`]: healthPath && HEALTH_TIMEOUT,
    }),
  },
  tcp: {
    rule: tcpRule,
    address: 'address',
    scheme: '',
    others: (name, _settings, ways) => ({
      [`routers/${name}/tls/passthrough`]: 'true',
      [`services/${name}/loadBalancer/proxyProtocol/version`]: ways.every(({ proxy }) => proxy === 'v2')
        ? '2'
        : undefined,
    }),
  },
};
