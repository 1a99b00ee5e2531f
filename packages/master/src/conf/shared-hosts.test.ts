import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMasterConf } from './parse-conf.js';
import { refusal } from './refusal.test.fixture.js';

test('two sites with one host at one address are refused, with the place and the owner', () => {
  const error = refuse({
    a: [{ host: 'x.test', port: 80 }],
    b: [{ port: 81 }, { host: 'X.test', port: 80, ipaddress: '::' }],
  });
  assert.equal(error.code, 'ERR_CONF_DUPLICATE_HOST');
  assert.match(
    error.message,
    /^conf: sites\[1\]\.listen\[1\]\.host: host x\.test of \*:80 is site a's already; expected a host that no other site has$/,
  );
});

test('two defaults of one address are refused, however they are said', () => {
  for (const second of [
    { listen: [{ port: 80 }] },
    { listen: [{ host: 'y.test', port: 80 }], defaultListen: true },
  ]) {
    const sites = [
      { path: 'a', listen: [{ port: 80 }] },
      { path: 'b', ...second },
    ];
    const error = refusal(() => parseMasterConf({ sites }, { baseDir: '/srv' }));
    assert.match(error.message, /the default of \*:80 is site a's already/);
  }
});

test('an address in clear and encrypted is refused', () => {
  const error = refuse({ a: [{ port: 80 }], b: [{ type: 'ssl', host: 'b.test', port: 80 }] });
  assert.equal(error.code, 'ERR_CONF_INVALID');
  assert.match(error.message, /sites\[1\]\.listen\[0\]\.type: \*:80 is listened on as 'tcp' already/);
});

test('another address, a port of the kernel, and a host twice in one site are nobody else’s', () => {
  const listens = {
    a: [
      { host: 'x.test', port: 0 },
      { host: 'x.test', port: 80, ipaddress: '127.0.0.1' },
    ],
    b: [
      { host: 'x.test', port: 0 },
      { host: 'x.test', port: 80, ipaddress: '127.0.0.2' },
    ],
    c: [{ port: 82 }, { host: '*.x.test', port: 82 }],
    d: [{ host: 'x.test', port: 82 }],
  };
  assert.equal(parseMasterConf({ sites: sitesOf(listens) }, { baseDir: '/srv' }).sites.length, 4);
});

test('an address where the workers of one site accept is no other one’s, nor is one that overlaps it', () => {
  const direct = { host: 'a.test', port: 80, ipaddress: '127.0.0.1', accept: 'direct' };
  for (const other of [
    { host: 'b.test', port: 80, ipaddress: '127.0.0.1' },
    { host: 'b.test', port: 80 },
    { ...direct, host: 'b.test' },
  ]) {
    const error = refuse({ a: [direct], b: [{ port: 81 }, other] });
    assert.equal(error.code, 'ERR_CONF_INVALID');
    assert.match(error.message, /sites\[1\]\.listen\[1\]\.port: site a has the address alone/);
  }
  const apart = { a: [direct], b: [{ ...direct, ipaddress: '127.0.0.2' }], c: [{ ...direct, port: 81 }] };
  assert.equal(parseMasterConf({ sites: sitesOf(apart) }, { baseDir: '/srv' }).sites.length, 3);
});

test('the entries of one address accept in one way, and the master answers some by itself', () => {
  const direct = { host: 'a.test', port: 80, accept: 'direct' };
  for (const [entry, reason] of [
    [{ host: 'b.test', port: 80 }, /accepted in one way/],
    [{ ...direct, ipaddress: '127.0.0.1' }, /accepted in one way/],
    [{ ...direct, redirect: 'https' }, /has no use with redirect/],
    [{ ...direct, proxyProtocol: ['10.0.0.0/8'] }, /has no use with proxyProtocol/],
    [{ ...direct, type: 'ssl', port: 443, cert: 'auto' }, /has no use with 'cert': 'auto'/],
  ] as const) {
    assert.match(refuse({ a: [direct, entry] }).message, reason);
  }
});

function refuse(listens: Record<string, object[]>): ReturnType<typeof refusal> {
  return refusal(() => parseMasterConf({ sites: sitesOf(listens) }, { baseDir: '/srv' }));
}

function sitesOf(listens: Record<string, object[]>): object[] {
  return Object.entries(listens).map(([path, listen]) => ({ path, listen }));
}
