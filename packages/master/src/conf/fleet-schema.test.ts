import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMasterConf } from './parse-conf.js';
import { pathsOf, refusal } from './refusal.test.fixture.js';

const SOURCE = { baseDir: '/srv' };
const LEAST = { endpoints: ['http://10.0.0.1:2379'], machine: 'm1', address: '10.0.0.11' };

void test('a fleet needs members of its store, a name and an address', () => {
  assert.deepEqual(parseMasterConf({ fleet: LEAST }, SOURCE).fleet, {
    ...LEAST,
    driver: 'etcd',
    prefix: '/vhostd/v1',
    weight: 100,
    edgeTimeoutMs: 10_000,
  });
});

void test('the keys of Traefik begin as Traefik has it', () => {
  const { fleet } = parseMasterConf({ fleet: { ...LEAST, driver: 'traefik' } }, SOURCE);
  assert.deepEqual([fleet?.prefix, fleet?.weight], ['traefik', 100]);
});

void test('an address in clear that wants PROXY headers is refused in front of Traefik', () => {
  const parse = (type: string, ipaddress: string): unknown =>
    parseMasterConf(
      {
        fleet: { ...LEAST, driver: 'traefik' },
        sites: [{ path: 'a', listen: [{ type, port: 80, ipaddress, proxyProtocol: ['10.0.0.1'] }] }],
      },
      SOURCE,
    );
  const error = refusal(() => parse('tcp', '10.0.0.11'));
  assert.deepEqual(pathsOf(error), ['sites[0].listen']);
  assert.match(error.message, /port 80 has proxyProtocol/);
  parse('ssl', '10.0.0.11');
  parse('tcp', '127.0.0.1');
});

void test('files of TLS are relative to the conf', () => {
  const endpoints = ['https://10.0.0.1:2379'];
  const files = { ca: 'ca.pem', cert: '/etc/m1.pem', key: 'tls/m1.key' };
  const { fleet } = parseMasterConf({ fleet: { ...LEAST, endpoints, ...files } }, SOURCE);
  assert.deepEqual([fleet?.ca, fleet?.cert, fleet?.key], ['/srv/ca.pem', '/etc/m1.pem', '/srv/tls/m1.key']);
});

for (const [what, written, path, message] of [
  ['an endpoint with a path', { endpoints: ['http://a/v3'] }, 'fleet.endpoints[0]', /URL of a member/],
  ['an endpoint with a password', { endpoints: ['http://a:b@c'] }, 'fleet.endpoints[0]', /URL of a member/],
  ['no endpoint', { endpoints: [] }, 'fleet.endpoints', /at least 1/],
  ['a name with a space', { machine: 'm 1' }, 'fleet.machine', /letters, digits or hyphens/],
  ['a name of two lines', { machine: 'm1\nserver' }, 'fleet.machine', /letters, digits or hyphens/],
  ['a host name as address', { address: 'm1.lan' }, 'fleet.address', /an IP address/],
  ['a prefix that ends in a slash', { prefix: '/a/' }, 'fleet.prefix', /a path of letters/],
  ['a weight of 0', { weight: 0 }, 'fleet.weight', /1 to 256/],
  ['a user without a password', { user: 'a' }, 'fleet.password', /go together/],
  ['a certificate without its key', { cert: 'a', endpoints: ['https://a'] }, 'fleet.key', /go together/],
  ['an authority without https', { ca: 'a' }, 'fleet.ca', /no endpoint is https/],
  ['another driver', { driver: 'consul' }, 'fleet.driver', /'etcd', 'traefik'/],
  ['a prefix without a slash', { prefix: 'a' }, 'fleet.prefix', /begins with a slash/],
  ['a slash before the keys of Traefik', { driver: 'traefik', prefix: '/a' }, 'fleet.prefix', /without it/],
  ['a weight for Traefik', { driver: 'traefik', weight: 50 }, 'fleet.weight', /no weights of machines/],
] as const) {
  void test(`${what} is refused`, () => {
    const error = refusal(() => parseMasterConf({ fleet: { ...LEAST, ...written } }, SOURCE));
    assert.deepEqual(pathsOf(error), [path]);
    assert.match(error.message, message);
  });
}

void test('a password is not shown', () => {
  const { message } = refusal(() =>
    parseMasterConf({ fleet: { ...LEAST, user: 'a', password: 's3cret\0' } }, SOURCE),
  );
  assert.match(message, /fleet\.password/);
  assert.doesNotMatch(message, /s3cret/);
});
