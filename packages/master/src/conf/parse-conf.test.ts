import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMasterConf, parseSite } from './parse-conf.js';

const PROGRAM = { baseDir: '/srv' };

void test('a site needs nothing but its path; the rest has defaults', () => {
  assert.deepEqual(parseSite({ path: 'shop' }, PROGRAM), {
    siteId: 'shop',
    path: '/srv/shop',
    workerFile: '/srv/shop',
    workerArgs: [],
    workerOptions: { execArgv: [], env: {}, cwd: '/srv/shop', inheritEnv: ['*'], noNewPrivileges: true },
    dependencies: [],
    instanceVar: 'NODE_APP_INSTANCE',
    listen: [],
    watch: false,
    waitReady: false,
    server: true,
    autorestart: true,
    defaultListen: false,
    accessLogFormat: 'combined',
    logFormat: 'plain',
    allow: { defaultListen: true },
    trusted: false,
    balance: 'least',
    bootTimeoutMs: 30_000,
    compileCache: true,
    drainTimeoutMs: 30_000,
    stopTimeoutMs: 10_000,
    settleTimeMs: 1000,
    callTimeoutMs: 30_000,
    parkMaxCount: 1000,
    parkTimeoutMs: 10_000,
    heartbeatIntervalMs: 5000,
    heartbeatLimitMs: 30_000,
    restart: { intensity: 10, periodMs: 60_000, backoffMinMs: 100, backoffMaxMs: 10_000 },
  });
});

void test('a conf that a program passes needs nothing at all', () => {
  assert.deepEqual(parseMasterConf({}, PROGRAM), {
    sites: [],
    log: { level: 'info' },
    limits: {
      headTimeoutMs: 10_000,
      headMaxBytes: 16_384,
      helloMaxBytes: 16_384,
      peekMaxCount: 10_000,
      peekMaxBytes: 67_108_864,
      perAddress: {},
    },
    backlog: 511,
    handoff: 'auto',
    stopDelayMs: 0,
  });
});

/** An id that no account has. */
const NO_ACCOUNT = 2_000_111_222;

void test('every field of a site arrives, resolved and in its unit', () => {
  const written = {
    siteId: 'a.b_c-1',
    path: '/www/shop',
    workerFile: 'lib/main.js',
    workerArgs: ['--x', ''],
    workerOptions: {
      execArgv: ['--no-warnings'],
      env: { A: 'b' },
      cwd: 'public',
      inheritEnv: ['A', 'B_*'],
      noNewPrivileges: false,
      nofile: 1024,
      nproc: 50,
      core: '1mb',
      nice: 5,
      oomScoreAdjust: 100,
    },
    user: NO_ACCOUNT,
    group: NO_ACCOUNT + 1,
    cpuLen: 0,
    dependencies: ['db', 'mail'],
    listen: [
      {
        type: 'ssl',
        host: '*.A.com',
        port: 443,
        ipaddress: '0:0::1',
        key: 'k.pem',
        cert: 'c.pem',
        passphrase: 'p',
      },
      { port: 0 },
    ],
    defaultListen: true,
    logOutput: 'log/o.log',
    logError: '~/e.log',
    logAll: '/var/log/all.log',
    accessLog: 'log/access.log',
    accessLogFormat: 'json',
    logFormat: 'prefix',
    logRotate: { size: '1mb', interval: '1d', keep: 7, maxAge: '14d', compress: true },
    allow: { hosts: ['A.com'], ports: [80, '90-99'], ipaddresses: ['0::1'], cpuLen: 3 },
    trusted: true,
    balance: 'ip-hash',
    appPort: 3000,
    watch: true,
    waitReady: true,
    stopSignal: 'SIGINT',
    instanceVar: 'INSTANCE_ID',
    bootTimeout: '1m',
    drainTimeout: 0,
    stopTimeout: '500ms',
    settleTime: '50ms',
    callTimeout: '2s',
    parkMaxCount: 0,
    parkTimeout: '1s',
    idleFreeze: '1m',
    idleStop: '10m',
    compileCache: false,
    maintenancePage: 'page.html',
    heartbeatInterval: 100,
    heartbeatLimit: '1s',
    restart: { intensity: 0, period: '1h', backoffMin: '1s', backoffMax: '1s' },
    memoryLimit: '512MB',
    maxAge: '12h',
    maxRequests: 10_000,
  };
  assert.deepEqual(parseSite(written, PROGRAM), {
    siteId: 'a.b_c-1',
    path: '/www/shop',
    workerFile: '/www/shop/lib/main.js',
    workerArgs: ['--x', ''],
    workerOptions: {
      execArgv: ['--no-warnings'],
      env: { A: 'b' },
      cwd: '/www/shop/public',
      inheritEnv: ['A', 'B_*'],
      noNewPrivileges: false,
      nofile: 1024,
      nproc: 50,
      core: 1_048_576,
      nice: 5,
      oomScoreAdjust: 100,
    },
    runAs: { uid: NO_ACCOUNT, gid: NO_ACCOUNT + 1, home: '/' },
    cpuLen: 0,
    dependencies: ['db', 'mail'],
    listen: [
      {
        type: 'ssl',
        host: '*.a.com',
        port: 443,
        ipaddress: '::1',
        key: 'k.pem',
        cert: 'c.pem',
        passphrase: 'p',
      },
      { type: 'tcp', port: 0 },
    ],
    defaultListen: true,
    logOutput: '/www/shop/log/o.log',
    logError: join(homedir(), 'e.log'),
    logAll: '/var/log/all.log',
    accessLog: '/www/shop/log/access.log',
    accessLogFormat: 'json',
    logFormat: 'prefix',
    logRotate: {
      maxBytes: 1_048_576,
      keepCount: 7,
      intervalMs: 86_400_000,
      maxAgeMs: 1_209_600_000,
      compress: true,
    },
    allow: {
      hosts: ['a.com'],
      ports: [
        { from: 80, to: 80 },
        { from: 90, to: 99 },
      ],
      ipaddresses: ['::1'],
      cpuLen: 3,
      defaultListen: true,
    },
    trusted: true,
    balance: 'ip-hash',
    server: true,
    autorestart: true,
    appPort: 3000,
    watch: true,
    waitReady: true,
    stopSignal: 'SIGINT',
    instanceVar: 'INSTANCE_ID',
    bootTimeoutMs: 60_000,
    drainTimeoutMs: 0,
    stopTimeoutMs: 500,
    settleTimeMs: 50,
    callTimeoutMs: 2000,
    parkMaxCount: 0,
    parkTimeoutMs: 1000,
    idleFreezeMs: 60_000,
    idleStopMs: 600_000,
    compileCache: false,
    maintenancePage: '/www/shop/page.html',
    heartbeatIntervalMs: 100,
    heartbeatLimitMs: 1000,
    restart: { intensity: 0, periodMs: 3_600_000, backoffMinMs: 1000, backoffMaxMs: 1000 },
    memoryLimitBytes: 536_870_912,
    maxAgeMs: 43_200_000,
    maxRequests: 10_000,
  });
});

void test('how long heads may take at an address is kept apart from what workers may change of it', () => {
  const listen = [{ port: 80, headTimeout: '30s' }, { port: 81 }];
  const site = parseSite({ path: 'a', listen }, PROGRAM);
  assert.deepEqual(site.listen, [
    { type: 'tcp', port: 80 },
    { type: 'tcp', port: 81 },
  ]);
  assert.deepEqual(site.headTimeouts, [{ type: 'tcp', port: 80, limitMs: 30_000 }]);
  assert.equal(parseSite({ path: 'a', listen: [{ port: 81 }] }, PROGRAM).headTimeouts, undefined);
  const direct = [{ port: 80, headTimeout: '30s', accept: 'direct' }];
  assert.throws(() => parseSite({ path: 'a', listen: direct }, PROGRAM), /has no use with headTimeout/);
});

void test('the balancers of an entry are kept apart from what workers may change of it', () => {
  const entry = {
    port: 80,
    ipaddress: '127.0.0.1',
    proxyProtocol: ['10.1.2.3/8', 'FD00:0::/8', '192.0.2.7'],
  };
  const site = parseSite({ path: 'a', listen: [entry, { port: 81 }] }, PROGRAM);
  assert.deepEqual(site.listen, [
    { type: 'tcp', port: 80, ipaddress: '127.0.0.1' },
    { type: 'tcp', port: 81 },
  ]);
  assert.deepEqual(site.proxySources, [
    { type: 'tcp', port: 80, ipaddress: '127.0.0.1', ranges: ['10.1.2.3/8', 'fd00::/8', '192.0.2.7/32'] },
  ]);
  for (const range of [
    '10.0.0.0/33',
    '10.0.0.0/',
    'a',
    '::1/129',
    'fe80::1%lo',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
  ])
    assert.throws(
      () => parseSite({ path: 'a', listen: [{ port: 80, proxyProtocol: [range] }] }, PROGRAM),
      range,
    );
});

void test('every field of a master arrives, resolved and in its unit', () => {
  const written = {
    $schema: 'x',
    sites: [{ path: 'a' }, { path: 'b' }],
    log: { level: 'silent', file: 'm.log' },
    limits: {
      headTimeout: '1s',
      headMaxSize: '1mb',
      helloMaxSize: 1024,
      peekMaxCount: 1,
      perAddress: { newPerSecond: 20, open: 40 },
    },
    backlog: 65_535,
    bootMaxCount: 3,
    handoff: 'ipc',
    healthPath: '/healthz',
    stopDelay: '15s',
  };
  const { sites, ...rest } = parseMasterConf(written, PROGRAM);
  assert.deepEqual(
    sites.map(({ siteId, path }) => [siteId, path]),
    [
      ['a', '/srv/a'],
      ['b', '/srv/b'],
    ],
  );
  assert.deepEqual(rest, {
    log: { level: 'silent', file: '/srv/m.log' },
    limits: {
      headTimeoutMs: 1000,
      headMaxBytes: 1_048_576,
      helloMaxBytes: 1024,
      peekMaxCount: 1,
      peekMaxBytes: 67_108_864,
      perAddress: { newPerSecond: 20, open: 40 },
    },
    backlog: 65_535,
    bootMaxCount: 3,
    handoff: 'ipc',
    healthPath: '/healthz',
    stopDelayMs: 15_000,
  });
});

void test('a field that is undefined is as good as absent, and is absent from the result', () => {
  const written = {
    path: 'a',
    logOutput: undefined,
    cpuLen: undefined,
    bootTimeout: undefined,
    listen: [{ port: 1, host: undefined }],
  };
  const site = parseSite(written, PROGRAM);
  assert.deepEqual(Object.keys(site.listen[0] ?? {}).toSorted(), ['port', 'type']);
  assert.equal('logOutput' in site, false);
  assert.equal('cpuLen' in site, false);
  assert.equal(site.bootTimeoutMs, 30_000);
});

void test('an object without a prototype is an object', () => {
  const written: Record<string, unknown> = Object.create(null);
  written['path'] = 'a';
  assert.equal(parseSite(written, PROGRAM).siteId, 'a');
});

void test('~ is the home directory; a path is relative to where it is written, a part of a site to the site', () => {
  assert.equal(parseSite({ path: '~', siteId: 'x' }, PROGRAM).path, homedir());
  assert.equal(parseSite({ path: '~/shop' }, PROGRAM).path, join(homedir(), 'shop'));
  assert.equal(parseSite({ path: '../shop/' }, PROGRAM).path, '/shop');
  assert.equal(parseSite({ path: './~shop', siteId: 'x' }, PROGRAM).path, '/srv/~shop');
  assert.equal(parseSite({ path: 'shop', workerFile: '../w.js' }, PROGRAM).workerFile, '/srv/w.js');
});

void test('the siteId is the last part of the resolved path', () => {
  assert.equal(parseSite({ path: '.' }, { baseDir: '/srv/shop.example' }).siteId, 'shop.example');
  assert.equal(parseSite({ path: 'a/b/' }, PROGRAM).siteId, 'b');
});

void test('host patterns and addresses arrive in their normal form', () => {
  const hosts: [written: string, normal: string][] = [
    ['A.Com.', 'a.com'],
    ['*.A.com', '*.a.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['127.0.0.1', '127.0.0.1'],
    ['0:0::1', '[::1]'],
  ];
  for (const [host, normal] of hosts) {
    const written = { path: 'a', listen: [{ host, port: 80 }], allow: { hosts: [host] } };
    const site = parseSite(written, PROGRAM);
    assert.equal(site.listen[0]?.host, normal);
    assert.deepEqual(site.allow.hosts, [normal]);
    const again = parseSite({ ...written, listen: site.listen, allow: { hosts: site.allow.hosts } }, PROGRAM);
    assert.equal(again.listen[0]?.host, normal, 'a normal form stays as it is');
  }
  const addresses = [
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['FE80::1%eth0', 'fe80::1%eth0'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['10.0.0.1', '10.0.0.1'],
  ];
  for (const [ipaddress, normal] of addresses) {
    assert.equal(
      parseSite({ path: 'a', listen: [{ port: 1, ipaddress }] }, PROGRAM).listen[0]?.ipaddress,
      normal,
    );
  }
});

void test('key material is kept as it was written', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n';
  const entry = { type: 'ssl', port: 443, key, cert: '~/cert.pem', passphrase: ' p ' };
  assert.deepEqual(parseSite({ path: 'a', listen: [entry] }, PROGRAM).listen, [entry]);
});

void test('workers may claim a default unless hosts restricts them and the conf does not make one itself', () => {
  const claims: [site: object, may: boolean][] = [
    [{}, true],
    [{ allow: { ports: [80] } }, true],
    [{ allow: { hosts: [] } }, false],
    [{ allow: { hosts: ['a.com'] } }, false],
    [{ allow: { hosts: ['a.com'] }, listen: [{ port: 80 }] }, false],
    [{ allow: { hosts: ['a.com'] }, defaultListen: true }, true],
  ];
  for (const [site, may] of claims) {
    assert.equal(parseSite({ path: 'a', ...site }, PROGRAM).allow.defaultListen, may, JSON.stringify(site));
  }
});

void test('parsing twice gives equal confs that share no default', () => {
  const [one, other] = [parseSite({ path: 'a' }, PROGRAM), parseSite({ path: 'a' }, PROGRAM)];
  assert.deepEqual(one, other);
  assert.notEqual(one.workerOptions.env, other.workerOptions.env);
  assert.notEqual(one.listen, other.listen);
});

void test('what was passed is not changed', () => {
  const written = Object.freeze({
    path: 'a',
    listen: Object.freeze([Object.freeze({ port: 80, host: 'A.com' })]),
  });
  assert.equal(parseSite(written, PROGRAM).listen[0]?.host, 'a.com');
});

void test('a file may list sites whose directories exist', () => {
  const baseDir = mkdtempSync(join(tmpdir(), 'vhostd-conf-'));
  try {
    mkdirSync(join(baseDir, 'shop'));
    const conf = parseMasterConf({ sites: [{ path: 'shop' }] }, { file: join(baseDir, 'c.json'), baseDir });
    assert.equal(conf.sites[0]?.path, join(baseDir, 'shop'));
  } finally {
    rmSync(baseDir, { recursive: true });
  }
});

void test('a site lies where its path leads, a directory or a file, or where its workerFile does', (t) => {
  const baseDir = mkdtempSync(join(tmpdir(), 'vhostd-conf-'));
  t.after(() => rmSync(baseDir, { recursive: true }));
  const shop = join(baseDir, 'shop');
  mkdirSync(shop);
  writeFileSync(join(shop, 'app.js'), '');
  const source = { file: join(baseDir, 'vhostd.config.json'), baseDir };
  const app = join(shop, 'app.js');
  for (const [written, workerFile] of [
    [{ path: 'shop' }, shop],
    [{ path: 'shop/app.js' }, app],
    [{ path: 'shop', workerFile: 'app.js' }, app],
    [{ workerFile: 'shop/app.js' }, app],
    [{ path: 'shop/app.js', workerFile: 'other.js' }, join(shop, 'other.js')],
  ] as const) {
    const site = parseSite({ ...written, logAll: 'all.log' }, source);
    const { siteId, path, workerOptions, logAll } = site;
    assert.deepEqual(
      { siteId, path, cwd: workerOptions.cwd, workerFile: site.workerFile, logAll },
      { siteId: 'shop', path: shop, cwd: shop, workerFile, logAll: join(shop, 'all.log') },
      JSON.stringify(written),
    );
  }
});

void test('variables may be written as numbers and flags, and are strings', () => {
  const env = { PORT: 3000, DEBUG: true, NAME: 'x' };
  const site = parseSite({ path: 'a', workerOptions: { env } }, { baseDir: '/srv' });
  assert.deepEqual(site.workerOptions.env, { PORT: '3000', DEBUG: 'true', NAME: 'x' });
});
