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

function refuse(listens: Record<string, object[]>): ReturnType<typeof refusal> {
  return refusal(() => parseMasterConf({ sites: sitesOf(listens) }, { baseDir: '/srv' }));
}

function sitesOf(listens: Record<string, object[]>): object[] {
  return Object.entries(listens).map(([path, listen]) => ({ path, listen }));
}
