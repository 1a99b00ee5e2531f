// A change of a site's conf that can't be had as a whole changes nothing, and whoever asked for it is told why.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { ListenRequest, MasterStatus, ServerConfUpdate } from '@vhostd/protocol';
import { atEnd } from '../../kit/at-end.js';
import { askSite, get } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import type { SelfSigned } from '../../kit/certificate.js';
import { freePort } from '../../kit/free-port.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { entries, steered, tryUpdate, update } from './steering.js';

interface Refused {
  what: string;
  update: unknown;
  code: string;
  /** What the message must name. */
  value: RegExp;
}

const FREE_ADDRESS = '127.0.0.9';

/** Each asks for something that could be had as well, which must not come into force. */
function refusedUpdates(strangerPort: number, openPort: number, keys: SelfSigned): Refused[] {
  const also = [...entries(['a.test', 'new.test']), ...entries(['a.test'], FREE_ADDRESS)];
  const listen = (entry: Partial<Record<keyof ListenRequest | 'prot', unknown>>): unknown => ({
    listen: [...also, entry],
    cpuLen: 2,
    defaultListen: true,
  });
  const at = { ipaddress: '127.0.0.1' };
  return [
    {
      what: "a stranger's port",
      update: listen({ host: 'a.test', port: strangerPort, ...at }),
      code: 'ERR_LISTEN_ADDRESS_IN_USE',
      value: new RegExp(`${strangerPort}`),
    },
    {
      what: 'an address of another machine',
      update: listen({ host: 'a.test', port: 0, ipaddress: '203.0.113.7' }),
      code: 'ERR_LISTEN_ADDRESS',
      value: /203\.0\.113\.7/,
    },
    {
      what: 'a port that is open in clear',
      update: listen({ type: 'ssl', host: 'a.test', port: openPort, ipaddress: '127.0.0.5', ...keys }),
      code: 'ERR_LISTEN_TYPE',
      value: new RegExp(`${openPort}`),
    },
    {
      what: 'a key without a certificate',
      update: listen({ type: 'ssl', host: 'a.test', port: 0, ...at, key: keys.key }),
      code: 'ERR_TLS_KEY',
      value: /a\.test/,
    },
    {
      what: "another site's host",
      update: listen({ host: 'b.test', port: 0, ...at }),
      code: 'ERR_ROUTE_CONFLICT',
      value: /b\.test/,
    },
    {
      what: "another site's suffix",
      update: listen({ host: '*.b.test', port: 0, ...at }),
      code: 'ERR_ROUTE_CONFLICT',
      value: /\*\.b\.test/,
    },
    {
      what: 'an invalid host',
      update: listen({ host: 'no host!', port: 0, ...at }),
      code: 'ERR_CONF_HOST',
      value: /no host!/,
    },
    {
      what: 'an invalid port',
      update: listen({ host: 'a.test', port: 70_000, ...at }),
      code: 'ERR_CONF_INVALID',
      value: /70000/,
    },
    {
      what: 'an address that is none',
      update: listen({ host: 'a.test', port: 0, ipaddress: '127.0.0.300' }),
      code: 'ERR_CONF_INVALID',
      value: /127\.0\.0\.300/,
    },
    {
      what: 'a field that there is not',
      update: listen({ host: 'a.test', port: 0, prot: 1 }),
      code: 'ERR_CONF_INVALID',
      value: /prot/,
    },
    { what: 'half a worker', update: { listen: also, cpuLen: 1.5 }, code: 'ERR_CONF_INVALID', value: /1\.5/ },
    {
      what: 'too many workers',
      update: { listen: also, cpuLen: 4 },
      code: 'ERR_ALLOW_CPU_LEN',
      value: /4.*3/,
    },
    {
      what: 'a host outside of what is allowed',
      update: listen({ host: 'evil.com', port: 0, ...at }),
      code: 'ERR_ALLOW_HOST',
      value: /evil\.com/,
    },
    {
      what: 'a port outside of what is allowed',
      update: listen({ host: 'a.test', port: 22, ...at }),
      code: 'ERR_ALLOW_PORT',
      value: /22/,
    },
    {
      what: 'an address outside of what is allowed',
      update: listen({ host: 'a.test', port: 0, ipaddress: '127.1.1.1' }),
      code: 'ERR_ALLOW_IPADDRESS',
      value: /127\.1\.1\.1/,
    },
  ];
}

function inForce({ listeners, sites }: MasterStatus): unknown {
  return {
    listeners,
    sites: sites.map(({ siteId, hosts, workers }) => ({
      siteId,
      hosts,
      pids: workers.map(({ pid }) => pid),
    })),
  };
}

test('a change that is refused changes nothing, in whichever form it is asked for', async (t) => {
  const stranger = createServer().listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  atEnd(t, () => stranger.close());
  const strangerPort = (stranger.address() as AddressInfo).port;
  const openPort = await freePort('127.0.0.5');
  const allow = {
    hosts: ['a.test', '*.test'],
    ports: [0, strangerPort, openPort],
    ipaddresses: ['127.0.0.1', '127.0.0.5', '203.0.113.7', FREE_ADDRESS],
    cpuLen: 3,
  };
  const b = entries(['b.test', '*.b.test']);
  const vhostd = await startVhostd(t, {
    sites: [
      { ...steered('a', ['a.test']), allow, defaultListen: true },
      { ...steered('b', []), listen: [...b, { host: 'b.test', port: openPort, ipaddress: '127.0.0.5' }] },
    ],
  });
  await update(vhostd, 'a', { defaultListen: false });
  const port = await vhostd.port();
  const before = inForce(await vhostd.status());
  const cases = refusedUpdates(strangerPort, openPort, await selfSigned('a.test'));
  for (const { what, update: asked, code, value } of cases) {
    for (const form of ['promise', 'callback'] as const) {
      const outcome = await tryUpdate(vhostd, 'a', asked as ServerConfUpdate, form);
      assert.ok('error' in outcome, `${what} was granted`);
      const { error } = outcome;
      assert.equal(error.code, code, `${what}: ${error.message}`);
      assert.match(error.message, value, what);
      assert.ok(error.isError && error.stack.length > 0, what);
      assert.notDeepEqual(error.info, {}, `${what}: facts`);
      assert.deepEqual(inForce(await vhostd.status()), before, what);
    }
  }
  assert.equal((await get(port, 'new.test')).status, 421);
  assert.equal((await askSite(port, 'a.test')).siteId, 'a');
  assert.equal((await askSite(port, 'x.b.test')).siteId, 'b');
  const events = vhostd.events
    .filter(({ data }) => JSON.stringify(data).includes(FREE_ADDRESS))
    .map(({ event }) => event);
  t.diagnostic(`${cases.length * 2} refused changes; listeners opened for a try: ${events.length / 2}`);
  assert.equal(events.filter((event) => event === 'server::listening').length, events.length / 2);
  const violations = (await vhostd.status()).counts.violations;
  assert.equal(violations, 0);
});
