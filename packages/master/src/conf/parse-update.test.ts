import type { VhostError } from '@vhostd/protocol';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_UPDATE_LISTEN_COUNT } from './site-schema.js';
import { parseServerConfUpdate } from './parse-conf.js';
import { refusal as refusalOf } from './refusal.test.fixture.js';

void test('an update holds only what the worker sent, in its normal form', () => {
  assert.deepEqual(parseServerConfUpdate({}), {});
  const update = {
    defaultListen: false,
    cpuLen: 1,
    listen: [{ type: 'tcp', host: 'RPC.example', port: 80 }],
  };
  assert.deepEqual(parseServerConfUpdate(update), {
    defaultListen: false,
    cpuLen: 1,
    listen: [{ type: 'tcp', host: 'rpc.example', port: 80 }],
  });
  const absent = parseServerConfUpdate({ defaultListen: undefined, listen: undefined, cpuLen: undefined });
  assert.deepEqual(Object.keys(absent), []);
});

void test('key material is dropped, whatever it is', () => {
  const entry = { type: 'ssl', port: 443, key: { any: 1 }, cert: ['x'], passphrase: 5 };
  const [parsed] = parseServerConfUpdate({ listen: [entry] }).listen ?? [];
  assert.deepEqual(Object.keys(parsed ?? {}).toSorted(), ['port', 'type']);
  assert.deepEqual(parseServerConfUpdate({ listen: [{ port: 80, key: 'k' }] }).listen, [
    { type: 'tcp', port: 80 },
  ]);
});

void test('each wrong value is told with its path and what would be right', () => {
  const wrong: [raw: unknown, path: string, message: RegExp][] = [
    [undefined, '', /is missing; expected an object/],
    [null, '', /null is not an object/],
    [[], '', /a list of 0 is not an object/],
    [{ defaultListen: 1 }, 'defaultListen', /1 is not true or false/],
    [{ cpuLen: 1025 }, 'cpuLen', /1025 is not an integer from 0 to 1024/],
    [{ cpuLen: null }, 'cpuLen', /null is not an integer/],
    [{ listen: 80 }, 'listen', /80 is not a list of listen entries/],
    [{ listen: [{ port: '80' }] }, 'listen[0].port', /"80" is not an integer/],
    [
      { listen: [{ port: 80, ipaddress: 'x'.repeat(1e6) }] },
      'listen[0].ipaddress',
      /"x{59}…" is not an IP address/,
    ],
    [{ listen: [{ port: 80, host: 'x'.repeat(1e6) }] }, 'listen[0].host', /"x{59}…" is not a host name/],
    [{ listen: [{ port: 80, path: '/' }] }, 'listen[0].path', /unknown key/],
    [{ siteId: 'other' }, 'siteId', /unknown key; expected one of defaultListen, listen, cpuLen/],
    [{ allow: {} }, 'allow', /unknown key/],
    [JSON.parse('{"__proto__": {"cpuLen": 1}}'), '__proto__', /unknown key/],
  ];
  for (const [raw, path, message] of wrong) {
    const error = refusal(raw);
    assert.equal(error.code, 'ERR_CONF_INVALID');
    const { problems } = error.info;
    assert.ok(Array.isArray(problems));
    assert.equal(problems.length, 1);
    assert.equal(Object(problems[0]).path, path);
    assert.match(error.message, /^updateServerConf: /);
    assert.match(error.message, message);
  }
  assert.equal(refusal({ listen: [{ port: 80, host: 'a b' }] }).code, 'ERR_CONF_HOST');
});

void test('10 000 listen entries are taken, one more is not, and it is refused before any is looked at', () => {
  const entry = { host: 'a.com', port: 80 };
  const listen = Array.from({ length: MAX_UPDATE_LISTEN_COUNT }, () => entry);
  assert.equal(parseServerConfUpdate({ listen }).listen?.length, 10_000);
  const untouchable = {
    get port(): number {
      throw new Error('looked at');
    },
  };
  const error = refusal({ listen: [...listen, untouchable] });
  assert.match(error.message, /listen: a list of 10001 is not a list of at most 10000 listen entries/);
});

void test('the answer to a hostile update stays small', () => {
  const keys = Object.fromEntries(
    Array.from({ length: 50_000 }, (_, index) => [`k${index}`.padEnd(500, 'x'), 1]),
  );
  const listen = Array.from({ length: 10_000 }, () => ({ port: 'x'.repeat(5000), hots: 1 }));
  for (const raw of [keys, { listen }, { listen: [{ port: 1, ...keys }] }]) {
    const error = refusal(raw);
    assert.equal(error.info['problemCount'], 20);
    assert.ok(JSON.stringify([error.message, error.info]).length < 20_000);
  }
});

function refusal(raw: unknown): VhostError {
  return refusalOf(() => parseServerConfUpdate(raw));
}

void test('of a certificate, a worker says no more than that vhostd is to keep it', () => {
  const entry = { type: 'ssl', host: 'a.test', port: 443 };
  const listen = ['internal', 'tls/cert.pem', 7].map((cert) => ({ ...entry, cert }));
  assert.deepEqual(parseServerConfUpdate({ listen }).listen, [{ ...entry, cert: 'internal' }, entry, entry]);
});
