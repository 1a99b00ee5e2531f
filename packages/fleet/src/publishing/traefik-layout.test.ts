// Holds the keys against Traefik's reference of its KV provider: https://doc.traefik.io/traefik/reference/
// routing-configuration/other-providers/kv/ (3.x). Keys are not case-sensitive there.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostListen, HostRecord, SiteRecord } from '../layout.js';
import type { Written } from './layout-writer.js';
import { traefikLayout } from './traefik-layout.js';

const CLEAR: HostListen = { port: 8080, tls: 'none', proxy: 'none' };
const SECURE: HostListen = { port: 8443, tls: 'passthrough', proxy: 'v2' };

function recordOf(listen: readonly HostListen[], more: Partial<HostRecord> = {}): HostRecord {
  const facts = { address: '10.0.0.11', site: 'shop', weight: 100, generation: 1 };
  return { ...facts, state: 'up', listen, ...more };
}

function written(
  hosts: Record<string, HostRecord | SiteRecord>,
  more: { machine?: string; healthPath?: string } = {},
): Written {
  const layout = traefikLayout({ prefix: 'traefik', machine: 'm1', ...more });
  const { machine = 'm1' } = more;
  const keys = Object.entries(hosts).map(([host, record]) => {
    const folder = 'listen' in record ? 'hosts' : 'sites';
    return [`traefik/vhostd/${folder}/${host}/${machine}`, record] as const;
  });
  return layout.write(new Map(keys));
}

/** What Traefik reads of it: below its root only these. */
function readByTraefik({ own, shared }: Written): Record<string, string | undefined> {
  const all = [...own, ...shared.flatMap(({ values }) => [...values])];
  return Object.fromEntries(all.filter(([key, value]) => /^traefik\/(?:http|tcp)\//.test(key) && value));
}

function rules(hosts: readonly string[]): Record<string, string | undefined> {
  const records = Object.fromEntries(hosts.map((host) => [host, recordOf([CLEAR, SECURE])]));
  const found = Object.entries(readByTraefik(written(records)));
  return Object.fromEntries(found.filter(([key]) => /\/(?:rule|priority)$/.test(key)));
}

void describe('the keys of Traefik', () => {
  void it('lead HTTP by host to a server that is checked, and to another one where it took nothing', () => {
    const found = readByTraefik(written({ 'shop.example': recordOf([CLEAR]) }, { healthPath: '/up' }));
    assert.deepEqual(found, {
      'traefik/http/routers/vhostd-shop.example/rule': 'Host(`shop.example`)',
      'traefik/http/routers/vhostd-shop.example/service': 'vhostd-shop.example',
      'traefik/http/routers/vhostd-shop.example/middlewares/0': 'vhostd-shop.example',
      'traefik/http/middlewares/vhostd-shop.example/retry/attempts': '3',
      'traefik/http/services/vhostd-shop.example/loadBalancer/healthCheck/path': '/up',
      'traefik/http/services/vhostd-shop.example/loadBalancer/healthCheck/interval': '5s',
      'traefik/http/services/vhostd-shop.example/loadBalancer/healthCheck/timeout': '5s',
      // m is 109 - 32, 1 is 49 - 32, then the port.
      'traefik/http/services/vhostd-shop.example/loadBalancer/servers/771708080/url': 'http://10.0.0.11:8080',
    });
  });

  void it('lead TLS by SNI, undecrypted, with a PROXY header where the address has one', () => {
    const found = readByTraefik(written({ 'shop.example': recordOf([SECURE]) }, { healthPath: '/up' }));
    assert.deepEqual(found, {
      'traefik/tcp/routers/vhostd-shop.example/rule': 'HostSNI(`shop.example`)',
      'traefik/tcp/routers/vhostd-shop.example/service': 'vhostd-shop.example',
      'traefik/tcp/routers/vhostd-shop.example/tls/passthrough': 'true',
      'traefik/tcp/services/vhostd-shop.example/loadBalancer/proxyProtocol/version': '2',
      'traefik/tcp/services/vhostd-shop.example/loadBalancer/servers/771708443/address': '10.0.0.11:8443',
    });
  });

  void it('have no PROXY version where the address has none', () => {
    const found = written({ 'shop.example': recordOf([{ ...SECURE, proxy: 'none' }]) });
    const key = 'traefik/tcp/services/vhostd-shop.example/loadBalancer/proxyProtocol/version';
    assert.ok(found.shared[0]?.values.has(key), 'one that another conf has left is removed');
    assert.equal(found.shared[0]?.values.get(key), undefined);
  });

  void it('match wildcards, the default and addresses', () => {
    assert.deepEqual(rules(['*.shop.example', '*', '[2001:db8::1]']), {
      'traefik/http/routers/vhostd-*.shop.example/rule': 'HostRegexp(`^.+\\.shop\\.example$`)',
      'traefik/http/routers/vhostd-*.shop.example/priority': '14',
      'traefik/tcp/routers/vhostd-*.shop.example/rule': 'HostSNIRegexp(`^.+\\.shop\\.example$`)',
      'traefik/tcp/routers/vhostd-*.shop.example/priority': '14',
      'traefik/http/routers/vhostd-*/rule': 'PathPrefix(`/`)',
      'traefik/http/routers/vhostd-*/priority': '1',
      'traefik/tcp/routers/vhostd-*/rule': 'HostSNI(`*`)',
      'traefik/tcp/routers/vhostd-*/priority': '1',
      'traefik/http/routers/vhostd-[2001:db8::1]/rule': 'Host(`[2001:db8::1]`) || Host(`2001:db8::1`)',
    });
  });

  void it('prefer the exact name to a wildcard, and a longer wildcard to a shorter one', () => {
    const found = rules(['a.b.c', '*.b.c', '*.c', '*']);
    // Without a priority Traefik takes the length of the rule.
    const ranks = ['a.b.c', '*.b.c', '*.c', '*'].map((host) => {
      const router = `traefik/http/routers/vhostd-${host}`;
      return Number(found[`${router}/priority`] ?? found[`${router}/rule`]?.length);
    });
    assert.deepEqual(
      ranks,
      ranks.toSorted((one, other) => other - one),
    );
    assert.equal(new Set(ranks).size, 4);
  });

  void it('have no two machines, and no two ports, at one index', () => {
    const servers = ['m1', 'M1', 'm', 'm10', 'm-1'].flatMap((machine) => {
      const record = recordOf([CLEAR, { ...CLEAR, port: 80 }, { ...CLEAR, port: 65_535 }]);
      return written({ a: record }, { machine }).shared.flatMap(({ own }) => own);
    });
    assert.equal(new Set(servers.map((key) => key.toLowerCase())).size, 15);
    for (const key of servers) assert.match(key, /\/servers\/\d+\/url$/);
  });

  void it('have an IPv6 address in brackets', () => {
    const found = readByTraefik(written({ a: recordOf([CLEAR, SECURE], { address: '2001:db8::11' }) }));
    assert.deepEqual(
      Object.entries(found).flatMap(([key, value]) => (key.includes('/servers/') ? [value] : [])),
      ['http://[2001:db8::11]:8080', '[2001:db8::11]:8443'],
    );
  });

  void it('have no server that is in drain, nor one in clear that wants a PROXY header', () => {
    const drained = written({ a: recordOf([CLEAR], { state: 'drain' }) });
    assert.deepEqual([...drained.own.keys()], ['traefik/vhostd/hosts/a/m1']);
    assert.equal(drained.shared.length, 1, 'its router is there until it is gone');
    const proxied = written({ a: recordOf([{ ...CLEAR, proxy: 'v2' }]) });
    assert.deepEqual(readByTraefik(proxied), {});
  });

  void it('stand beside the records of hosts and sites', () => {
    const record = recordOf([CLEAR]);
    const site: SiteRecord = { state: 'up', generation: 1 };
    const { own } = written({ a: record, shop: site });
    assert.equal(own.get('traefik/vhostd/hosts/a/m1'), JSON.stringify(record));
    assert.equal(own.get('traefik/vhostd/sites/shop/m1'), JSON.stringify(site));
  });
});
