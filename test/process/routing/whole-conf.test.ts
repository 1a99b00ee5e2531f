// A whole conf is one change: under load, hosts move between sites, sites are renamed, addresses narrow and widen.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { get, seenBy } from '../../kit/ask-site.js';
import { freePort } from '../../kit/free-port.js';
import { Load } from '../../kit/load.js';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';

function siteOf(siteId: string, ...hosts: string[]): SiteOptions {
  return { siteId, hosts: hosts.map((host) => `${host}.test`) };
}

/** Clients that keep their connections, and such that do not, for one host that these sites may answer. */
class Clients {
  readonly #loads: Load[];

  constructor(port: number, host: string, siteId: string[]) {
    const options = { port, host: `${host}.test`, siteId, clientCount: 4, pauseMaxMs: 20 };
    this.#loads = (['kept', 'fresh'] as const).map((connections) => new Load({ ...options, connections }));
  }

  async progress(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.progress(20)));
  }

  async assertNothingLost(): Promise<string> {
    const outcomes = await Promise.all(this.#loads.map((load) => load.stop()));
    for (const outcome of outcomes) outcome.assertNothingLost();
    return outcomes.join('; ');
  }
}

for (const what of ['', ', each of another user']) {
  const title = `hosts that move between sites${what}, by a reload, are answered by the one, then by the other: no request is lost`;
  const isOther = what !== '';
  test(title, { skip: isOther ? otherUserSkip : false }, async (t) => {
    // Their connections stay with their workers: each ends with an answer of the old one.
    const fields = isOther
      ? { path: placesOf(t).theirs, workerOptions: { uid: OTHER_USER, gid: OTHER_USER } }
      : {};
    const site = (siteId: string, ...hosts: string[]): SiteOptions => ({
      ...siteOf(siteId, ...hosts),
      ...fields,
    });
    const vhostd = await startVhostd(t, {
      sites: [site('a', 'a', 'h'), site('b', 'b', 'next'), site('c', 'c')],
    });
    const port = await vhostd.port();
    const clients = [
      new Clients(port, 'h', ['a', 'b', 'n']),
      new Clients(port, 'next', ['a', 'b']),
      new Clients(port, 'c', ['c', 'renamed']),
    ];
    const owner = async (host: string): Promise<string> => seenBy(await get(port, `${host}.test`)).siteId;
    const step = async (sites: SiteOptions[], owners: Record<string, string>): Promise<void> => {
      vhostd.configure(sites);
      await vhostd.reloaded();
      for (const [host, siteId] of Object.entries(owners)) assert.equal(await owner(host), siteId, host);
      await Promise.all(clients.map((each) => each.progress()));
    };
    await Promise.all(clients.map((each) => each.progress()));
    const roundCount = process.env['VHOSTD_TEST_LONG'] === '1' ? 10 : 1;
    for (let round = 1; round <= roundCount; round += 1) {
      // A host moves.
      await step([site('a', 'a'), site('b', 'b', 'h', 'next'), site('c', 'c')], { h: 'b', next: 'b' });
      // Both move back, the one to a site that depends on the other.
      await step([site('a', 'a', 'h', 'next'), { ...site('b', 'b'), dependencies: ['a'] }, site('c', 'c')], {
        h: 'a',
      });
      // Blue and green.
      await step([site('a', 'a', 'h'), site('b', 'b', 'next'), site('c', 'c')], { h: 'a', next: 'b' });
      await step([site('a', 'a', 'next'), site('b', 'b', 'h'), site('c', 'c')], { h: 'b', next: 'a' });
      // To a new site, and another one is renamed.
      await step([site('a', 'a', 'next'), site('b', 'b'), site('n', 'h'), site('renamed', 'c')], {
        h: 'n',
        c: 'renamed',
      });
      // Back, where two are gone.
      await step([site('a', 'a', 'h'), site('b', 'b', 'next'), site('c', 'c')], {
        h: 'a',
        next: 'b',
        c: 'c',
      });
    }
    for (const each of clients) t.diagnostic(await each.assertNothingLost());
    const { counts, sites } = await vhostd.status();
    assert.deepEqual(counts.refused, {});
    assert.deepEqual(
      sites.map(({ siteId, generation, state }) => [siteId, generation > 1, state]).slice(0, 2),
      [
        ['a', true, 'running'],
        ['b', true, 'running'],
      ],
    );
  });
}

test('an exchange of which one site fails changes nobody, and loses nothing', async (t) => {
  const vhostd = await startVhostd(t, { sites: [siteOf('a', 'x'), siteOf('b', 'y'), siteOf('c', 'c')] });
  const port = await vhostd.port();
  const clients = [
    new Clients(port, 'x', ['a']),
    new Clients(port, 'y', ['b']),
    new Clients(port, 'c', ['c']),
  ];
  await Promise.all(clients.map((each) => each.progress()));
  vhostd.configure([siteOf('a', 'y'), { ...siteOf('b', 'x'), workerFile: 'missing.js' }, siteOf('c', 'c')]);
  vhostd.touch('missing.js');
  vhostd.change('b', { bootTimeout: '1s' });
  const { sites } = await vhostd.reload();
  assert.deepEqual(
    sites.map(({ siteId, ok }) => [siteId, ok]),
    [
      ['a', false],
      ['b', false],
      ['c', true],
    ],
  );
  assert.match(sites[0]?.error?.message ?? '', /^hosts move between a and b, which failed: /u);
  await Promise.all(clients.map((each) => each.progress()));
  for (const each of clients) t.diagnostic(await each.assertNothingLost());
});

test('a site alone on its address is renamed: the address stays open, and nothing is lost', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [siteOf('a', 'h')] });
  const port = await vhostd.port();
  const clients = new Clients(port, 'h', ['a', 'b', 'c', 'd']);
  await clients.progress();
  for (const siteId of ['b', 'c', 'd']) {
    vhostd.configure([{ ...siteOf(siteId, 'h'), cpuLen: 2 }]);
    await vhostd.reloaded();
    await clients.progress();
  }
  t.diagnostic(await clients.assertNothingLost());
  assert.deepEqual(vhostd.logged('listener.closed'), []);
});

test('addresses that cover one another', async (t) => {
  const port = await freePort('0.0.0.0');
  const on = (ipaddress: string | undefined, host: string): object => ({
    host: `${host}.test`,
    port,
    ...(ipaddress === undefined ? {} : { ipaddress }),
  });
  const both = [
    { siteId: 'exact', listen: [on('127.0.0.1', 'h')] },
    { siteId: 'wide', listen: [on('0.0.0.0', 'h'), on('0.0.0.0', 'w')] },
  ];
  const vhostd = await startVhostd(t, { daemon: true, sites: both });
  const answered = async (ipaddress: string, host: string): Promise<string> => {
    try {
      const answer = await get(port, `${host}.test`, '/', { host: ipaddress });
      return answer.status === 200 ? seenBy(answer).siteId : String(answer.status);
    } catch {
      return 'closed';
    }
  };

  await t.test('both at once: the more exact address goes first', async () => {
    assert.equal(await answered('127.0.0.1', 'h'), 'exact');
    assert.equal(await answered('127.0.0.1', 'w'), '421');
    assert.equal(await answered('127.0.0.2', 'h'), 'wide');
    assert.equal(await answered('127.0.0.2', 'w'), 'wide');
  });

  const clients = new Clients(port, 'h', ['exact', 'wide']);
  await clients.progress();
  await t.test('the more exact one goes and comes back, and then the wide one, under load', async () => {
    for (const sites of [both.slice(1), both, both.slice(0, 1), both, both.slice(1)]) {
      vhostd.configure(sites);
      await vhostd.reloaded();
      await clients.progress();
    }
    assert.equal(await answered('127.0.0.1', 'w'), 'wide');
  });

  await t.test('an address is narrowed: what comes in at the others is closed', async () => {
    vhostd.configure([{ siteId: 'wide', listen: [on('127.0.0.1', 'h')] }]);
    await vhostd.reloaded();
    await clients.progress();
    assert.equal(await answered('127.0.0.1', 'h'), 'wide');
    assert.equal(await answered('127.0.0.2', 'h'), 'closed');
    t.diagnostic(await clients.assertNothingLost());
  });

  await t.test('the next master serves the narrow address on the same socket', async () => {
    const { master } = await vhostd.status();
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await vhostd.until('another master serves', ({ master: next, sites }) => {
      return next !== undefined && next.pid !== master?.pid && sites[0]?.state === 'running';
    });
    assert.equal(await answered('127.0.0.1', 'h'), 'wide');
    assert.equal(await answered('127.0.0.2', 'h'), 'closed');
  });
});

test('two sites go to a narrower address and back by reloads: no request is lost', async (t) => {
  const port = await freePort('0.0.0.0');
  const sites = (ipaddress: string): SiteOptions[] =>
    ['a', 'b', 'c'].map((siteId) => ({ siteId, listen: [{ host: `${siteId}.test`, port, ipaddress }] }));
  const vhostd = await startVhostd(t, { daemon: true, sites: sites('0.0.0.0') });
  const clients = ['a', 'b', 'c'].map((host) => new Clients(port, host, [host]));
  await Promise.all(clients.map((each) => each.progress()));
  for (const ipaddress of ['127.0.0.1', '0.0.0.0', '127.0.0.1']) {
    // One needs longer to boot than the others.
    vhostd.configure(sites(ipaddress).map((one, index) => ({ ...one, cpuLen: 1 + index })));
    await vhostd.reloaded();
    await Promise.all(clients.map((each) => each.progress()));
  }
  for (const each of clients) t.diagnostic(await each.assertNothingLost());
  assert.deepEqual((await vhostd.status()).counts?.refused, {});
  vhostd.configure(sites('0.0.0.0'));
  const alone = await vhostd.run('reload', 'a');
  assert.equal(alone.code, 1);
  assert.match(alone.stdout + alone.stderr, /site a can't be changed alone: the address of host/u);
});

test('an address that covers an open one can be had by nobody while that is open: the error says whose it is', async (t) => {
  const port = await freePort('0.0.0.0');
  const place = (host: string, ipaddress?: string): object => ({
    host,
    port,
    ...(ipaddress && { ipaddress }),
  });
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [{ siteId: 'a', listen: [place('a.test', '127.0.0.1')] }],
  });
  vhostd.configure([{ siteId: 'a', listen: [place('a.test', '0.0.0.0')] }]);
  const told = await vhostd.run('reload');
  assert.equal(told.code, 1);
  assert.match(told.stdout + told.stderr, /vhostd itself listens there on 127\.0\.0\.1.*\(open for: a\)/su);
  assert.equal(seenBy(await get(port, 'a.test')).siteId, 'a');
  // One by one they are had at once.
  const others = Object.values(networkInterfaces())
    .flatMap((of) => of ?? [])
    .flatMap(({ family, address, internal }) => (family === 'IPv4' && !internal ? [address] : []));
  const listen = ['127.0.0.1', '127.0.0.2', ...others].map((ipaddress) => place('a.test', ipaddress));
  vhostd.configure([{ siteId: 'a', listen }]);
  await vhostd.reloaded();
});
