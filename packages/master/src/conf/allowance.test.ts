import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAllowance } from './allowance.js';
import { parseServerConfUpdate, parseSite } from './parse-conf.js';

void test('an absent field of the allowance allows anything', () => {
  const update = {
    defaultListen: true,
    cpuLen: 1024,
    listen: [{ port: 0 }, { type: 'ssl', host: '*.b.com', port: 443, ipaddress: '10.0.0.1' }],
  };
  assert.equal(check(update, {}), undefined);
});

void test('an update that asks for nothing is always allowed', () => {
  assert.equal(check({}, { hosts: [], ports: [], ipaddresses: [], cpuLen: 0 }), undefined);
  assert.equal(check({ defaultListen: false, listen: [] }, { hosts: [], ports: [], cpuLen: 0 }), undefined);
});

void test('a host is allowed by itself or by a wildcard above it, in any spelling', () => {
  const hosts = ['A.com.', '*.b.com', '[::1]'];
  for (const host of ['a.com', 'A.COM', 'x.b.com', 'x.y.b.com', '*.b.com', '*.x.b.com', '::1']) {
    assert.equal(check({ listen: [{ host, port: 80 }] }, { hosts }), undefined, host);
  }
});

void test('a host outside of the allowance is refused with its place, the value and what is allowed', () => {
  const hosts = ['a.com', '*.b.com'];
  for (const host of ['b.com', 'x.a.com', '*.a.com', 'xb.com', 'com', '*.com', 'a.com.evil.org']) {
    const refused = check(
      {
        listen: [
          { host: 'a.com', port: 80 },
          { host, port: 80 },
        ],
      },
      { hosts },
    );
    assert.equal(refused?.code, 'ERR_ALLOW_HOST', host);
    assert.deepEqual(refused.info, { path: 'listen[1].host', value: host, allowed: hosts });
  }
  assert.equal(
    check({ listen: [{ host: 'b.com', port: 80 }] }, { hosts })?.message,
    'updateServerConf: listen[0].host: "b.com" is outside of the site\'s allow.hosts (a.com, *.b.com)',
  );
  assert.match(
    check({ listen: [{ host: 'b.com', port: 80 }] }, { hosts: [] })?.message ?? '',
    /\(nothing\)$/,
  );
});

void test('a site whose hosts are restricted can not become a default unless its conf says so itself', () => {
  const restricted = { hosts: ['a.com'] };
  const byFlag = check({ defaultListen: true }, restricted);
  assert.equal(byFlag?.code, 'ERR_ALLOW_HOST');
  assert.equal(byFlag.info['path'], 'defaultListen');
  const byEntry = check({ listen: [{ port: 80 }] }, restricted);
  assert.equal(byEntry?.code, 'ERR_ALLOW_HOST');
  assert.match(byEntry.message, /listen\[0\]\.host: has no host, so it claims every host/);
  const site = { defaultListen: true };
  assert.equal(check({ defaultListen: true, listen: [{ port: 80 }] }, restricted, site), undefined);
  assert.equal(check({ listen: [{ host: 'b.com', port: 80 }] }, restricted, site)?.code, 'ERR_ALLOW_HOST');
});

void test('a port is allowed by its number or by a range, both ends included', () => {
  const allow = { ports: [80, '8000-8010'] };
  for (const port of [80, 8000, 8005, 8010])
    assert.equal(check({ listen: [{ port }] }, allow), undefined, String(port));
  for (const port of [79, 81, 7999, 8011]) {
    const refused = check({ listen: [{ port }] }, allow);
    assert.equal(refused?.code, 'ERR_ALLOW_PORT', String(port));
    assert.deepEqual(refused.info, { path: 'listen[0].port', value: port, allowed: ['80', '8000-8010'] });
  }
});

void test('port 0, which is any port, must be allowed itself', () => {
  const refused = check({ listen: [{ port: 0 }] }, { ports: ['1-65535'] });
  assert.equal(refused?.code, 'ERR_ALLOW_PORT');
  assert.match(refused.message, /0 is any port, which is outside of the site's allow\.ports \(1-65535\)/);
  assert.equal(check({ listen: [{ port: 0 }] }, { ports: [0] }), undefined);
});

void test('an address is allowed by itself, in any spelling, or by the wildcard address of its family', () => {
  const allowed: [list: string[], asked: string | undefined][] = [
    [['127.0.0.1'], '127.0.0.1'],
    [['::1'], '0:0:0:0:0:0:0:1'],
    [['2001:DB8::1'], '2001:db8:0::1'],
    [['0.0.0.0'], '10.1.2.3'],
    [['0.0.0.0'], '0.0.0.0'],
    [['::'], '::1'],
    [['::'], '10.1.2.3'],
    [['::'], undefined],
    [['fe80::1%eth0'], 'fe80:0::1%eth0'],
  ];
  for (const [ipaddresses, ipaddress] of allowed) {
    assert.equal(check({ listen: [{ port: 80, ipaddress }] }, { ipaddresses }), undefined, String(ipaddress));
  }
  const refused: [list: string[], asked: string | undefined][] = [
    [['127.0.0.1'], '127.0.0.2'],
    [['127.0.0.1'], undefined],
    [['127.0.0.1'], '0.0.0.0'],
    [['0.0.0.0'], '::1'],
    [['0.0.0.0'], '::'],
    [['0.0.0.0'], undefined],
    [['fe80::1%eth0'], 'fe80::1%eth1'],
    [[], '127.0.0.1'],
  ];
  for (const [ipaddresses, ipaddress] of refused) {
    const error = check({ listen: [{ port: 80, ipaddress }] }, { ipaddresses });
    assert.equal(error?.code, 'ERR_ALLOW_IPADDRESS', String(ipaddress));
    assert.equal(error.info['path'], 'listen[0].ipaddress');
    assert.equal(error.info['value'], ipaddress);
  }
});

void test('as many workers as allowed may be asked for, not one more', () => {
  assert.equal(check({ cpuLen: 4 }, { cpuLen: 4 }), undefined);
  const refused = check({ cpuLen: 5 }, { cpuLen: 4 });
  assert.equal(refused?.code, 'ERR_ALLOW_CPU_LEN');
  assert.equal(
    refused.message,
    "updateServerConf: cpuLen: 5 workers are more than the site's allow.cpuLen (4)",
  );
  assert.deepEqual(refused.info, { path: 'cpuLen', value: 5, allowed: 4 });
});

void test('a long allowance is cut short in the message', () => {
  const hosts = Array.from({ length: 5000 }, (_, index) => `h${index}.com`);
  const message = check({ listen: [{ host: 'x.org', port: 80 }] }, { hosts })?.message ?? '';
  assert.match(message, /h9\.com, … 4990 more\)$/);
  assert.ok(message.length < 300);
});

void test('listeners and hosts are bounded in number, each counted once', () => {
  const ports = (count: number): object => ({
    listen: Array.from({ length: count }, (_, index) => [
      { host: 'a.com', port: 1000 + index },
      { host: 'b.com', port: 1000 + index },
    ]).flat(),
  });
  assert.equal(check(ports(64), {}), undefined);
  const refused = check(ports(65), {});
  assert.equal(refused?.code, 'ERR_ALLOW_LISTENER_COUNT');
  assert.deepEqual(refused.info, { path: 'listen', value: 65, allowed: 64 });
  assert.equal(
    refused.message,
    "updateServerConf: listen: 65 addresses are more than the site's allow.listenerMaxCount (64)",
  );
  assert.equal(check(ports(65), { listenerMaxCount: 65 }), undefined);
  const hosts = { listen: ['a', 'b', 'a'].map((name) => ({ host: `${name}.com`, port: 80 })) };
  assert.equal(check(hosts, { hostMaxCount: 2 }), undefined);
  assert.equal(check(hosts, { hostMaxCount: 1 })?.code, 'ERR_ALLOW_HOST_COUNT');
});

/** Both sides go through their parsers, as they do in the master. */
function check(update: object, allow: object, site: object = {}): ReturnType<typeof checkAllowance> {
  const source = { baseDir: '/srv' };
  return checkAllowance(
    parseServerConfUpdate(update),
    parseSite({ path: 'a', allow, ...site }, source).allow,
  );
}
