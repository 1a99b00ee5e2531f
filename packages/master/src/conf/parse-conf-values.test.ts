import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMasterConf, parseSite } from './parse-conf.js';
import { pathsOf, problemsOf, refusal } from './refusal.test.fixture.js';

const PROGRAM = { baseDir: '/srv' };
const DURATION = /a duration from 1ms to 24d, written as '10s' or as a number of milliseconds/;
const DURATION_OR_NONE = /a duration from 0ms to 24d/;

void test('each wrong value of a site is told with its path, the value and what would be right', () => {
  const wrong: [site: object, path: string, message: RegExp][] = [
    [{ path: undefined }, 'path', /is missing/],
    [{ path: 5 }, 'path', /5 is not a path/],
    [{ path: '' }, 'path', /"" is not a path/],
    [{ path: 'a\0b' }, 'path', /is not a path/],
    [{ path: '~bob/site' }, 'path', /"~bob\/site" is not a path: absolute, relative or beginning with '~\/'/],
    [{ siteId: '' }, 'siteId', /"" is not 1 to 64 letters, digits, dots, underscores or hyphens/],
    [{ siteId: 'a b' }, 'siteId', /"a b" is not 1 to 64/],
    [{ siteId: '..' }, 'siteId', /".." is not .* other than '.' and '..'/],
    [{ siteId: 'x'.repeat(65) }, 'siteId', /"x{59}…" is not 1 to 64/],
    [{ siteId: 7 }, 'siteId', /7 is not 1 to 64/],
    [
      { path: 'my site' },
      'siteId',
      /is missing, and the last part of path, "my site", can't be one; expected 1 to 64/,
    ],
    [{ path: '/' }, 'siteId', /is missing, and the last part of path, "", can't be one/],
    [{ workerFile: [] }, 'workerFile', /a list of 0 is not a path/],
    [{ workerArgs: 'x' }, 'workerArgs', /"x" is not a list of strings/],
    [{ workerArgs: ['x', 5] }, 'workerArgs[1]', /5 is not a string/],
    [{ workerArgs: ['a\0'] }, 'workerArgs[0]', /is not a string without null characters/],
    [{ workerOptions: [] }, 'workerOptions', /a list of 0 is not an object/],
    [{ workerOptions: { execArgv: [null] } }, 'workerOptions.execArgv[0]', /null is not a string/],
    [
      { workerOptions: { env: { PORT: null } } },
      'workerOptions.env.PORT',
      /null is not a string, a number, true or false/,
    ],
    [
      { workerOptions: { env: { 'A=B': 'x' } } },
      'workerOptions.env["A=B"]',
      /"A=B" is not a name without '='/,
    ],
    [{ workerOptions: { env: 'A=B' } }, 'workerOptions.env', /is not an object of strings/],
    [{ workerOptions: { uid: -1 } }, 'workerOptions.uid', /-1 is not an integer from 0 to 2147483647/],
    [{ workerOptions: { gid: 'root' } }, 'workerOptions.gid', /"root" is not an integer/],
    [{ workerOptions: { nice: 20 } }, 'workerOptions.nice', /20 is not an integer from -20 to 19/],
    [{ workerOptions: { inheritEnv: '*' } }, 'workerOptions.inheritEnv', /"\*" is not a list of names/],
    [{ user: -1 }, 'user', /-1 is not the name or the id of a user/],
    [{ user: '--help' }, 'user', /"--help" is not the name or the id of a user/],
    [{ user: 'a:b' }, 'user', /"a:b" is not the name or the id of a user/],
    [{ group: true }, 'group', /true is not the name or the id of a group/],
    [{ user: 1, workerOptions: { uid: 1 } }, 'user', /says the same as workerOptions.uid/],
    [{ group: 1, workerOptions: { gid: 1 } }, 'group', /says the same as workerOptions.gid/],
    [{ workerOptions: { cwd: true } }, 'workerOptions.cwd', /true is not a path/],
    [{ cpuLen: 1025 }, 'cpuLen', /1025 is not an integer from 0 to 1024/],
    [{ cpuLen: -1 }, 'cpuLen', /-1 is not an integer/],
    [{ cpuLen: 1.5 }, 'cpuLen', /1.5 is not an integer/],
    [{ cpuLen: '2' }, 'cpuLen', /"2" is not an integer/],
    [{ cpuLen: 'max' }, 'cpuLen', /"max" is not an integer .*; leave it out for the number of CPUs/],
    [{ cpuLen: NaN }, 'cpuLen', /NaN is not an integer/],
    [{ cpuLen: null }, 'cpuLen', /null is not an integer/],
    [{ listen: { port: 80 } }, 'listen', /an object is not a list of listen entries/],
    [{ listen: [80] }, 'listen[0]', /80 is not an object/],
    [{ listen: [{}] }, 'listen[0].port', /is missing; expected an integer from 0 to 65535/],
    [
      { listen: [{ port: 1 }, { port: 65_536 }] },
      'listen[1].port',
      /65536 is not an integer from 0 to 65535/,
    ],
    [{ listen: [{ port: '80' }] }, 'listen[0].port', /"80" is not an integer/],
    [{ listen: [{ port: 80, type: 'tls' }] }, 'listen[0].type', /"tls" is not one of 'tcp', 'ssl'/],
    [
      { listen: [{ port: 80, ipaddress: 'localhost' }] },
      'listen[0].ipaddress',
      /"localhost" is not an IP address/,
    ],
    [{ listen: [{ port: 80, ipaddress: '[::1]' }] }, 'listen[0].ipaddress', /is not an IP address, such as/],
    [{ listen: [{ port: 80, ipaddress: '127.1' }] }, 'listen[0].ipaddress', /is not an IP address/],
    [
      { listen: [{ port: 80, key: 'k' }] },
      'listen[0].type',
      /key, cert, .* have no use with type 'tcp'.*'ssl'/,
    ],
    [{ listen: [{ port: 80, host: 5 }] }, 'listen[0].host', /5 is not a host name/],
    [{ defaultListen: 'yes' }, 'defaultListen', /"yes" is not true or false/],
    [{ logOutput: true }, 'logOutput', /true is not a path/],
    [{ logError: '' }, 'logError', /"" is not a path/],
    [{ logAll: '~x' }, 'logAll', /"~x" is not a path/],
    [{ allow: { hosts: 'a.com' } }, 'allow.hosts', /"a.com" is not a list of host patterns/],
    [
      { allow: { ports: [70_000] } },
      'allow.ports[0]',
      /70000 is not a port from 0 to 65535|70000 is not an integer/,
    ],
    [{ allow: { ports: ['90-80'] } }, 'allow.ports[0]', /"90-80" is not a port from 0 to 65535, or a range/],
    [{ allow: { ports: ['80-70000'] } }, 'allow.ports[0]', /"80-70000" is not a port/],
    [{ allow: { ports: ['80'] } }, 'allow.ports[0]', /"80" is not a port/],
    [{ allow: { ports: [true] } }, 'allow.ports[0]', /true is not a port/],
    [{ allow: { ipaddresses: ['*'] } }, 'allow.ipaddresses[0]', /"\*" is not an IP address/],
    [{ allow: { cpuLen: 2000 } }, 'allow.cpuLen', /2000 is not an integer from 0 to 1024/],
    [{ balance: 'random' }, 'balance', /"random" is not one of 'least', 'round-robin', 'ip-hash'/],
    [{ balance: { cookie: 'a b' } }, 'balance.cookie', /"a b" is not the name of a cookie/],
    [{ balance: { otherwise: 'least' } }, 'balance', /is not one of .* or \{ cookie: 'NAME' \}/],
    [
      { balance: { cookie: 'io', otherwise: 'random' } },
      'balance',
      /is not one of .* or \{ cookie: 'NAME' \}/,
    ],
    [
      { balance: { cookie: 'io', name: 'x' } },
      'balance.name',
      /unknown key; expected one of cookie, otherwise/,
    ],
    [{ balance: 5 }, 'balance', /5 is not one of 'least', 'round-robin', 'ip-hash', or \{ cookie: 'NAME' \}/],
    [{ bootTimeout: '30' }, 'bootTimeout', DURATION],
    [{ bootTimeout: 0 }, 'bootTimeout', DURATION],
    [{ bootTimeout: '25d' }, 'bootTimeout', DURATION],
    [{ bootTimeout: 2_073_600_001 }, 'bootTimeout', DURATION],
    [{ drainTimeout: -1 }, 'drainTimeout', DURATION_OR_NONE],
    [{ stopTimeout: '10 sekunden' }, 'stopTimeout', DURATION_OR_NONE],
    [{ callTimeout: true }, 'callTimeout', DURATION],
    [{ callTimeout: 1.5 }, 'callTimeout', DURATION],
    [{ parkTimeout: Infinity }, 'parkTimeout', DURATION_OR_NONE],
    [{ parkMaxCount: 100_001 }, 'parkMaxCount', /100001 is not an integer from 0 to 100000/],
    [{ heartbeatInterval: '0.1ms' }, 'heartbeatInterval', DURATION],
    [{ heartbeatLimit: {} }, 'heartbeatLimit', DURATION],
    [
      { heartbeatInterval: '30s' },
      'heartbeatInterval',
      /heartbeatInterval must be less than heartbeatLimit; expected a duration/,
    ],
    // Wrong by itself and not less than the limit either: told once.
    [{ heartbeatInterval: 2_073_600_001 }, 'heartbeatInterval', DURATION],
    [{ restart: 5 }, 'restart', /5 is not an object/],
    [{ restart: { intensity: 1001 } }, 'restart.intensity', /1001 is not an integer from 0 to 1000/],
    [{ restart: { period: 0 } }, 'restart.period', DURATION],
    [{ restart: { backoffMin: '0s' } }, 'restart.backoffMin', DURATION],
    [{ restart: { backoffMin: '11s' } }, 'restart.backoffMin', /backoffMin must be at most backoffMax/],
  ];
  for (const [site, path, message] of wrong) {
    const error = refusal(() => parseSite({ path: 'a', ...site }, PROGRAM));
    assert.deepEqual(pathsOf(error), [path], JSON.stringify(site));
    assert.equal(error.code, 'ERR_CONF_INVALID');
    assert.ok(error.message.startsWith(`site: ${path}: `), error.message);
    assert.match(error.message, message);
  }
});

void test('each wrong value of a master is told with its path, the value and what would be right', () => {
  const wrong: [conf: object, path: string, message: RegExp][] = [
    [{ sites: {} }, 'sites', /an object is not a list of sites/],
    [{ sites: ['./a'] }, 'sites[0]', /"\.\/a" is not an object/],
    [{ sites: [{}] }, 'sites[0].path', /is missing, as is workerFile; expected a path/],
    [{ log: 'info' }, 'log', /"info" is not an object/],
    [{ log: { level: 'verbose' } }, 'log.level', /"verbose" is not one of 'trace', 'debug', 'info'/],
    [{ log: { file: '' } }, 'log.file', /"" is not a path/],
    [{ limits: { headTimeout: 0 } }, 'limits.headTimeout', DURATION],
    [{ limits: { headMaxSize: '1b' } }, 'limits.headMaxSize', /"1b" is not a size from 1kb to 1mb/],
    [{ limits: { headMaxSize: '2mb' } }, 'limits.headMaxSize', /written as '64kb' or as a number of bytes/],
    [{ limits: { helloMaxSize: 1023 } }, 'limits.helloMaxSize', /1023 is not a size from 1kb to 1mb/],
    [{ limits: { peekMaxCount: 0 } }, 'limits.peekMaxCount', /0 is not an integer from 1 to 1000000/],
    [{ backlog: 0 }, 'backlog', /0 is not an integer from 1 to 65535/],
    [{ backlog: 65_536 }, 'backlog', /65536 is not an integer from 1 to 65535/],
    [{ handoff: 'fd' }, 'handoff', /"fd" is not one of 'auto', 'native', 'pipe', 'ipc'/],
    [{ watch: true }, 'watch', /unknown key; it is 'sites\[\]\.watch' here$/],
    [
      { color: true },
      'color',
      /unknown key; expected one of \$schema, log, limits, backlog, bootMaxCount, handoff, acme, healthPath, stopDelay, metrics, fleet, sites/,
    ],
    [{ healthPath: 'healthz' }, 'healthPath', /"healthz" is not the path of a URL, such as '\/healthz'/],
    [{ healthPath: '/a?b' }, 'healthPath', /the path of a URL/],
    [{ $schema: 1 }, '$schema', /1 is not a URL or a path/],
  ];
  for (const [conf, path, message] of wrong) {
    const error = refusal(() => parseMasterConf(conf, PROGRAM));
    assert.deepEqual(pathsOf(error), [path], JSON.stringify(conf));
    assert.equal(error.code, 'ERR_CONF_INVALID');
    assert.match(error.message, message);
  }
});

void test('what is no object at all is told as such', () => {
  for (const [raw, shown] of [
    [null, 'null'],
    [[], 'a list of 0'],
    ['x', '"x"'],
    [(): void => {}, 'a function'],
  ] as const) {
    assert.equal(refusal(() => parseMasterConf(raw, PROGRAM)).message, `conf: ${shown} is not an object`);
  }
  assert.match(
    refusal(() => parseSite(undefined, PROGRAM)).message,
    /^site: is missing; expected an object$/,
  );
});

void test('an unknown key names the nearest known key of its object, or all of them', () => {
  const unknown: [site: object, path: string, hint: RegExp][] = [
    [{ lisen: [] }, 'lisen', /unknown key, did you mean 'listen'\?/],
    [{ boot_timeout: 1 }, 'boot_timeout', /did you mean 'bootTimeout'\?/],
    [{ listen: [{ port: 1, hots: 'a.com' }] }, 'listen[0].hots', /did you mean 'host'\?/],
    [{ workerOptions: { evn: {} } }, 'workerOptions.evn', /did you mean 'env'\?/],
    [
      { allow: { defaultListen: true } },
      'allow.defaultListen',
      /unknown key; expected one of hosts, ports, ipaddresses, cpuLen, listenerMaxCount, hostMaxCount$/,
    ],
    [{ restart: { backofMin: 1 } }, 'restart.backofMin', /did you mean 'backoffMin'\?/],
    [{ 'my key': 1 }, '["my key"]', /unknown key; docs\/configuration\.md has the \d+ that there are$/],
    [{ env: {} }, 'env', /unknown key; it is 'workerOptions\.env' here$/],
    [{ host: 'a.com' }, 'host', /unknown key; it is 'listen\[\]\.host' here$/],
    [{ max_memory_restart: '300M' }, 'max_memory_restart', /unknown key; it is 'memoryLimit' here$/],
    [{ instances: 'max' }, 'instances', /unknown key; it is 'cpuLen' here$/],
    [{ path: 'a', ['__proto__']: { path: 'x' } }, '__proto__', /unknown key/],
  ];
  for (const [site, path, hint] of unknown) {
    const merged = Object.hasOwn(site, 'path') ? site : { path: 'a', ...site };
    const error = refusal(() => parseSite(merged, PROGRAM));
    assert.deepEqual(pathsOf(error), [path]);
    assert.match(error.message, hint);
  }
});

void test('a wrong host pattern is told with the reason of the pattern, under the code of its own', () => {
  const site = {
    path: 'a',
    listen: [
      { port: 80, host: 'http://a.com' },
      { port: 80, host: 'b.*' },
    ],
    allow: { hosts: ['c d'] },
  };
  const error = refusal(() => parseSite(site, PROGRAM));
  assert.equal(error.code, 'ERR_CONF_HOST');
  assert.deepEqual(pathsOf(error), ['listen[0].host', 'listen[1].host', 'allow.hosts[0]']);
  assert.match(
    error.message,
    /listen\[0\]\.host: "http:\/\/a\.com" is not a host name, such as 'a\.com' or '\*\.a\.com': it holds a scheme/,
  );
  const mixed = refusal(() => parseSite({ ...site, cpuLen: -1 }, PROGRAM));
  assert.equal(mixed.code, 'ERR_CONF_INVALID');
  const codes = problemsOf(mixed).map(({ code }) => code);
  assert.equal(codes.length, 4);
  assert.equal(codes.filter((code) => code === 'ERR_CONF_HOST').length, 3);
});

void test('an interpreter is a name, or a path relative to the site, and its site has no server', () => {
  const { interpreter, server } = parseSite({ path: 'a', interpreter: 'python3' }, { baseDir: '/srv' });
  assert.deepEqual([interpreter, server], ['python3', false]);
  const venv = parseSite({ path: 'a', interpreter: './venv/bin/python' }, { baseDir: '/srv' });
  assert.equal(venv.interpreter, '/srv/a/venv/bin/python');
});
