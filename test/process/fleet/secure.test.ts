// A fleet that trusts nobody: its store takes TLS with a certificate of the client, and a user who may touch its keys alone;
// clients come over TLS, which no edge decrypts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { selfSigned, withoutCommonName } from '../../kit/certificate.js';
import { FleetEdge, haproxySkip } from '../../kit/edge.js';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { freePort } from '../../kit/free-port.js';
import { inParallel } from '../../kit/in-parallel.js';
import { Load } from '../../kit/load.js';
import { openSecure } from '../../kit/secure-client.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';

const HOSTS = ['a.test', 'b.test'] as const;

/** What a machine and an edge need to ask the store. */
interface Access {
  endpoints: string[];
  ca: string;
  cert: string;
  key: string;
  user: string;
  password: string;
}

async function startStore(t: TestContext): Promise<Access> {
  // The gateway of etcd takes no certificate of a client that has one.
  const secure = await withoutCommonName('localhost');
  const [etcd] = await Etcd.start(t, { secure });
  assert.ok(etcd);
  const { cert, key } = etcd.files;
  await etcd.protect({ user: 'fleet', password: 'no secret', prefix: '/vhostd/v1/' });
  await assert.rejects(etcd.records('/vhostd/v1/'), 'it asks who asks');
  return { endpoints: [etcd.url], ca: cert, cert, key, user: 'fleet', password: 'no secret' };
}

async function startMachine(t: TestContext, machine: string, access: Access): Promise<FullVhostd> {
  const port = await freePort();
  const place = { type: 'ssl', port, ipaddress: '127.0.0.1', proxyProtocol: ['127.0.0.1'] };
  const sites = HOSTS.map(async (host): Promise<SiteOptions> => {
    const listen = [{ ...place, host, ...(await selfSigned(host)) }];
    return { siteId: host.split('.')[0] ?? '', listen, drainTimeout: '2s' };
  });
  const conf = { fleet: { ...access, machine, address: '127.0.0.1' } };
  return await startVhostd(t, { daemon: true, conf, sites: await Promise.all(sites) });
}

void test(
  'clients over TLS reach the machines by SNI, also while one of them stops',
  { skip: etcdSkip === false ? haproxySkip : etcdSkip },
  async (t) => {
    const access = await startStore(t);
    const [m1, m2] = [await startMachine(t, 'm1', access), await startMachine(t, 'm2', access)];
    const port = await freePort();
    const edge = await FleetEdge.start(t, { ...access, http: [], https: [`127.0.0.1:${port}`] });
    const names = await Promise.all(
      [m1, m2].map(async (machine, index) => `m${index + 1}:${await machine.port('ssl')}:v2`),
    );
    const both = Object.fromEntries(names.map((name) => [name, 'up']));
    for (const host of HOSTS) await edge.until(`tls:${host}`, both);

    for (const host of HOSTS) {
      const { socket } = await openSecure(port, host);
      const { subject } = (socket as TLSSocket).getPeerCertificate();
      assert.equal(subject.CN, host, 'the certificate is the site’s own');
      socket.destroy();
    }
    await assert.rejects(openSecure(port, 'other.test'), 'a host that nobody has');

    const loads = HOSTS.flatMap((host) =>
      (['kept', 'fresh'] as const).map(
        (connections) =>
          new Load({
            port,
            host,
            connections,
            clientCount: 3,
            pauseMaxMs: 40,
            connect: (to) => openSecure(to, host),
          }),
      ),
    );
    await inParallel(loads, loads.length, (load) => load.progress(20));
    assert.equal((await m1.run('stop', 'a')).code, 0);
    await edge.until('tls:a.test', { [names[1] ?? '']: 'up' });
    assert.equal((await m1.run('start', 'a')).code, 0);
    await edge.until('tls:a.test', both);
    for (const load of loads) {
      await load.progress(20);
      const outcome = await load.stop();
      t.diagnostic(String(outcome));
      outcome.assertNothingLost();
    }
  },
);
