import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMasterConf, parseSite } from './parse-conf.js';
import { pathsOf, problemsOf, refusal } from './refusal.test.fixture.js';

const PROGRAM = { baseDir: '/srv' };

void test('all problems of a conf are told at once, with everything a program needs to show them', () => {
  const conf = {
    backlog: 0,
    sites: [
      { path: 'a', listen: [{ port: 70_000, host: 'a..b' }] },
      { path: 'x/a', restart: { backoffMin: '1m', period: 'x' }, bogus: 1 },
      { path: 'x/a', cpuLen: -1 },
    ],
  };
  const error = refusal(() => parseMasterConf(conf, PROGRAM));
  assert.deepEqual(pathsOf(error), [
    'backlog',
    'sites[0].listen[0].host',
    'sites[0].listen[0].port',
    'sites[1].restart.period',
    'sites[1].restart.backoffMin',
    'sites[1].bogus',
    'sites[2].cpuLen',
    'sites[1].siteId',
    'sites[2].siteId',
  ]);
  assert.equal(error.info['problemCount'], 9);
  assert.deepEqual(problemsOf(error)[0], {
    code: 'ERR_CONF_INVALID',
    path: 'backlog',
    value: '0',
    message: '0 is not an integer from 1 to 65535',
    expected: 'an integer from 1 to 65535',
  });
  assert.equal(error.message.split('\n').length, 10);
  assert.equal(error.message.split('\n')[0], 'conf: 9 problems');
});

void test('a message lists at most 20 problems and counts the rest', () => {
  const listen = Array.from({ length: 50 }, () => ({ port: -1 }));
  const error = refusal(() => parseSite({ path: 'a', listen }, PROGRAM));
  assert.equal(problemsOf(error).length, 50);
  const lines = error.message.split('\n');
  assert.equal(lines.length, 22);
  assert.equal(lines.at(-1), '  … and 30 more');
});

void test('two sites of one siteId are refused, be it written or the last part of a path', () => {
  const sites = [
    { path: 'x/shop' },
    { path: 'y', siteId: 'blog' },
    { path: 'y/shop' },
    { path: 'z', siteId: 'shop' },
  ];
  const error = refusal(() => parseMasterConf({ sites }, PROGRAM));
  assert.equal(error.code, 'ERR_CONF_DUPLICATE_SITE');
  assert.deepEqual(pathsOf(error), ['sites[2].siteId', 'sites[3].siteId']);
  assert.match(error.message, /sites\[3\]\.siteId: "shop" is already the siteId of sites\[0\]/);
});

void test('dependencies on no site are refused by name in a file, where no site can follow', () => {
  const baseDir = mkdtempSync(join(tmpdir(), 'vhostd-conf-'));
  for (const name of ['a', 'b']) mkdirSync(join(baseDir, name));
  const sites = [{ path: 'a', dependencies: ['b', 'c'] }, { path: 'b' }];
  const error = refusal(() => parseMasterConf({ sites }, { baseDir, file: join(baseDir, 'conf.json') }));
  assert.equal(error.code, 'ERR_CONF_DEPENDENCY_UNKNOWN');
  assert.deepEqual(pathsOf(error), ['sites[0].dependencies[1]']);
  assert.match(error.message, /there is no site "c"/);
  assert.doesNotThrow(() => parseMasterConf({ sites }, PROGRAM));
  rmSync(baseDir, { recursive: true });
});

void test('a dependency on a site of the fleet needs a fleet, whatever sites there are', () => {
  const baseDir = mkdtempSync(join(tmpdir(), 'vhostd-conf-'));
  mkdirSync(join(baseDir, 'a'));
  const sites = [{ path: 'a', dependencies: ['a@fleet', 'b@fleet'] }];
  const fleet = { endpoints: ['http://10.0.0.1:2379'], machine: 'm1', address: '10.0.0.1' };
  const file = { baseDir, file: join(baseDir, 'conf.json') };
  const error = refusal(() => parseMasterConf({ sites }, file));
  assert.equal(error.code, 'ERR_CONF_DEPENDENCY_UNKNOWN');
  assert.deepEqual(pathsOf(error), ['sites[0].dependencies[0]', 'sites[0].dependencies[1]']);
  assert.match(error.message, /the conf has no `fleet`/);
  assert.doesNotThrow(() => parseMasterConf({ fleet, sites }, file));
  const wrong = [{ path: 'a', dependencies: ['..@fleet'] }];
  assert.deepEqual(pathsOf(refusal(() => parseMasterConf({ fleet, sites: wrong }, file))), [
    'sites[0].dependencies[0]',
  ]);
  rmSync(baseDir, { recursive: true });
});

void test('a cycle of dependencies is refused and spelled out', () => {
  const sites = [
    { path: 'z', dependencies: ['a'] },
    { path: 'a', dependencies: ['b'] },
    { path: 'b', dependencies: ['c', 'a'] },
    { path: 'c' },
  ];
  const error = refusal(() => parseMasterConf({ sites }, PROGRAM));
  assert.equal(error.code, 'ERR_CONF_DEPENDENCY_CYCLE');
  assert.deepEqual(pathsOf(error), ['sites[1].dependencies']);
  assert.match(error.message, /none of these sites could ever start: a → b → a;/);
});

void test('secrets are never shown, whatever is wrong with them or with the key they are under', () => {
  const secret = 'hunter2';
  const sites = [
    { path: 'a', listen: { passphrase: secret } },
    { path: 'b', listen: [{ type: 'ssl', port: 443, passphrase: [secret] }] },
    { path: 'c', listen: [{ type: 'ssl', port: 443, passphrse: secret }] },
    { path: 'd', listen: [{ type: 'ssl', port: 443, key: 5 }] },
    { path: 'e', workerOptions: { env: { TOKEN: `${secret}\0` } } },
    { path: 'f', workerOptions: { env: secret } },
    { path: 'g', workerOptions: { evn: { TOKEN: secret } } },
    { path: 'h', listen: [{ type: 'ssl', port: 443, passphrase: `${secret}\0` }] },
    { path: 'i', listen: [{ port: 80, host: `-----BEGIN PRIVATE KEY-----\n${secret}` }] },
    { path: 'j', listen: [{ port: 80, passphrase: secret }] },
    { path: 'k', balance: `-----BEGIN PRIVATE KEY-----\n${secret}` },
  ];
  const error = refusal(() => parseMasterConf({ sites }, PROGRAM));
  assert.equal(error.info['problemCount'], sites.length);
  assert.ok(!JSON.stringify([error.message, error.info]).includes(secret), error.message);
  assert.match(error.message, /sites\[1\]\.listen\[0\]\.passphrase: a list of 1 is not a string/);
  assert.equal(error.cause, undefined);
});

void test('a file needs at least one site, a program does not', () => {
  const source = { file: '/etc/vhostd.config.json', baseDir: '/etc' };
  for (const conf of [{}, { sites: [] }]) {
    const error = refusal(() => parseMasterConf(conf, source));
    assert.deepEqual(pathsOf(error), ['sites']);
    assert.match(error.message, /^\/etc\/vhostd\.config\.json: sites: .*a list of sites, at least 1/);
    assert.equal(error.info['file'], source.file);
    assert.doesNotThrow(() => parseMasterConf(conf, PROGRAM));
  }
});

void test('the directory or file of a site in a file must exist', () => {
  const baseDir = mkdtempSync(join(tmpdir(), 'vhostd-conf-'));
  try {
    mkdirSync(join(baseDir, 'good'));
    writeFileSync(join(baseDir, 'file'), '');
    const source = { file: join(baseDir, 'vhostd.config.json'), baseDir };
    const sites = [
      { path: 'good' },
      { path: 'nope' },
      { path: 'file' },
      { path: 'file/below' },
      { workerFile: 'absent/app.js' },
    ];
    const error = refusal(() => parseMasterConf({ sites }, source));
    assert.equal(error.code, 'ERR_CONF_PATH');
    assert.deepEqual(pathsOf(error), ['sites[1].path', 'sites[3].path', 'sites[4].workerFile']);
    assert.ok(
      error.message.includes(
        `sites[1].path: "${join(baseDir, 'nope')}" does not exist; expected an existing directory`,
      ),
    );
    assert.ok(
      error.message.includes(`sites[3].path: "${join(baseDir, 'file/below')}" can't be looked at (ENOTDIR)`),
    );
    assert.equal(refusal(() => parseSite({ path: 'nope' }, source)).code, 'ERR_CONF_PATH');
    assert.doesNotThrow(() => parseSite({ path: 'nope' }, { baseDir }));
    // Its user may have removed it: that is no fault of a conf of which other sites are a part.
    assert.doesNotThrow(() => parseMasterConf({ sites: [{ path: 'nope', user: 0 }] }, source));
  } finally {
    rmSync(baseDir, { recursive: true });
  }
});

void test('the first line of a file that the user of a site may have written makes no conf wrong', () => {
  const baseDir = mkdtempSync(join(tmpdir(), 'vhostd-conf-'));
  try {
    const source = { file: join(baseDir, 'vhostd.config.json'), baseDir };
    const site = { path: '.', workerFile: 'run', listen: [{ port: 80 }] };
    for (const text of ['#!/bin/sh', '#!/bin/\0sh', '#!/bin/sh \0', '#!none -x', '#! \t ']) {
      writeFileSync(join(baseDir, 'run'), `${text}\n`);
      assert.equal(refusal(() => parseMasterConf({ sites: [site] }, source)).code, 'ERR_CONF_INVALID', text);
      const { sites } = parseMasterConf({ sites: [{ ...site, workerOptions: { uid: 1 } }] }, source);
      assert.deepEqual([sites[0]?.interpreter, sites[0]?.listen.length], [undefined, 1], text);
    }
    writeFileSync(join(baseDir, 'run'), '#!/bin/sh\n');
    chmodSync(join(baseDir, 'run'), 0o700);
    const program = { path: '.', workerFile: 'run' };
    const { sites } = parseMasterConf(
      {
        sites: [
          { ...program, siteId: 'own' },
          { ...program, siteId: 'other', user: 1 },
        ],
      },
      source,
    );
    assert.deepEqual(
      sites.map(({ interpreter }) => interpreter),
      ['/bin/sh', undefined],
    );
  } finally {
    rmSync(baseDir, { recursive: true });
  }
});

void test('a site without a server is refused what only one with a server has, and jobs are sites without one', () => {
  const site = {
    path: 'a',
    server: false,
    listen: [{ port: 80 }],
    defaultListen: true,
    appPort: 3000,
    idleFreeze: '1m',
    idleStop: '1m',
    maintenancePage: 'page.html',
    accessLog: 'a.log',
    maxRequests: 7,
    cpuLen: 0,
  };
  const error = refusal(() => parseSite(site, PROGRAM));
  const names = [
    'listen',
    'defaultListen',
    'appPort',
    'idleFreeze',
    'idleStop',
    'maintenancePage',
    'accessLog',
    'maxRequests',
    'cpuLen',
  ];
  assert.deepEqual(new Set(pathsOf(error)), new Set(names));
  assert.match(
    error.message,
    /appPort: has no use with 'server': false or an interpreter; expected to be left out/,
  );
  const job = { path: 'a', autorestart: false, warm: 1, memoryLimit: '1gb', maxAge: '1h' };
  assert.deepEqual(pathsOf(refusal(() => parseSite(job, PROGRAM))), [
    'autorestart',
    'warm',
    'memoryLimit',
    'maxAge',
  ]);
  const plain = { path: 'a', server: false, autorestart: false, listen: [], defaultListen: false, cpuLen: 2 };
  assert.equal(parseSite(plain, PROGRAM).server, false);
});

void test('what is run by an interpreter has no server, and nothing that only a program of Node has', () => {
  const site = {
    path: 'a',
    interpreter: 'sh',
    listen: [{ port: 80 }],
    waitReady: true,
    warm: 1,
    stopSignal: 'shutdown',
  };
  const error = refusal(() => parseSite(site, PROGRAM));
  assert.deepEqual(new Set(pathsOf(error)), new Set(['waitReady', 'warm', 'stopSignal', 'listen']));
  const options = { path: 'a', interpreter: 'none', workerOptions: { execArgv: ['-u'] } };
  assert.deepEqual(pathsOf(refusal(() => parseSite(options, PROGRAM))), ['workerOptions.execArgv']);
  const inspected = { path: 'a', warm: 1, workerOptions: { execArgv: ['--inspect=9229'] } };
  assert.deepEqual(pathsOf(refusal(() => parseSite(inspected, PROGRAM))), ['warm']);
  assert.deepEqual(pathsOf(refusal(() => parseSite({ path: 'a', warm: 65 }, PROGRAM))), ['warm']);
  assert.match(refusal(() => parseSite({ path: 'a', interpreter: 'node' }, PROGRAM)).message, /leave it out/);
});

void test('a certificate that vhostd keeps has no key of the conf, and is for TLS', () => {
  const listen = [
    { type: 'ssl', host: 'a.test', port: 443, cert: 'internal', key: 'key.pem' },
    { type: 'ssl', host: `${'a.'.repeat(110)}test`, port: 443, cert: 'internal' },
    { host: 'b.test', port: 80, cert: 'internal' },
  ];
  const error = refusal(() => parseSite({ path: 'a', listen }, PROGRAM));
  assert.deepEqual(pathsOf(error), ['listen[0].key', 'listen[1].host', 'listen[2].type']);
});

void test('a certificate of an authority is for one host, whose terms somebody has agreed to', () => {
  const entry = { type: 'ssl', port: 443, cert: 'auto' };
  const listen = [entry, { ...entry, host: '*.a.test' }];
  assert.deepEqual(pathsOf(refusal(() => parseSite({ path: 'a', listen }, PROGRAM))), [
    'listen[0].host',
    'listen[1].host',
  ]);
  const sites = [{ path: 'a', listen: [{ ...entry, host: 'a.test' }] }];
  for (const acme of [undefined, {}, { agree: false }]) {
    const error = refusal(() => parseMasterConf({ sites, ...(acme === undefined ? {} : { acme }) }, PROGRAM));
    assert.deepEqual(pathsOf(error), ['acme.agree']);
  }
  const { acme } = parseMasterConf({ sites, acme: { agree: true, ca: 'ca.pem' } }, PROGRAM);
  assert.deepEqual(acme, {
    agree: true,
    ca: '/srv/ca.pem',
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
  });
  const wrong = { agree: true, directory: 'http://ca.test/dir' };
  assert.deepEqual(pathsOf(refusal(() => parseMasterConf({ sites, acme: wrong }, PROGRAM))), [
    'acme.directory',
  ]);
});

void test('several addresses of one site have one certificate: their clients name no host', () => {
  const siteOf = (...entries: object[]): object => ({
    path: 'a',
    listen: entries.map((entry) => ({ type: 'ssl', port: 443, ...entry })),
  });
  const [one, two] = [{ host: '192.0.2.1' }, { host: '[2001:db8::1]' }];
  const [pair, other] = ['a', 'b'].map((name) => ({ key: `${name}.key`, cert: `${name}.pem` }));
  for (const refused of [
    siteOf({ ...one, ...pair }, { ...two, ...other }),
    siteOf({ ...one, cert: 'internal' }, { ...two, cert: 'internal' }),
    siteOf({ ...one, ...pair }, { ...two, cert: 'auto' }),
  ]) {
    const error = refusal(() => parseSite(refused, PROGRAM));
    assert.deepEqual(pathsOf(error), ['listen']);
    assert.match(error.message, /several IP addresses with different certificates/);
  }
  for (const good of [
    siteOf({ ...one, ...pair }, { ...two, ...pair }),
    siteOf({ ...one, cert: 'internal' }, { ...one, cert: 'internal', port: 8443 }),
    siteOf({ ...one, cert: 'internal' }, { host: 'a.test', ...other }),
    siteOf(one, two),
  ]) {
    assert.doesNotThrow(() => parseSite(good, PROGRAM));
  }
});
