// Certificates of an authority for IP addresses (RFC 8738) and of a certain profile, against pebble.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { CertificateState } from '@vhostd/protocol';
import { withOwnState } from '../../kit/full-vhostd.js';
import { freePorts } from '../../kit/free-port.js';
import { Pebble, pebbleSkip } from '../../kit/pebble.js';
import { ProfiledAuthority } from '../../kit/profiled-authority.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const DAY_S = 24 * 60 * 60;
const SIX_DAYS_S = 6 * DAY_S;
/** An authority that could not be reached is asked again later and later. */
const LIMIT_MS = 240_000;

interface Scene {
  vhostd: FullVhostd;
  pebble: Pebble;
  authority: ProfiledAuthority;
  port: number;
  /** The conf with another profile. */
  conf: (profile: string) => Record<string, unknown>;
}

/** The sites, with certificates that are good for six days. */
async function open(
  t: TestContext,
  sites: (port: number) => SiteOptions[],
  profile?: string,
): Promise<Scene> {
  const [port = 0, httpPort = 0] = await freePorts(2);
  const pebble = await Pebble.prepare(t, { httpPort, tlsPort: port, validityS: SIX_DAYS_S });
  const authority = await ProfiledAuthority.open(t, pebble, ['classic', 'shortlived']);
  await pebble.start();
  const { directory } = authority;
  const acme = { directory, ca: pebble.ca, agree: true };
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: sites(port),
    conf: { acme: { ...acme, ...(profile === undefined ? {} : { profile }) } },
    program: withOwnState,
  });
  return { vhostd, pebble, authority, port, conf: (next) => ({ acme: { ...acme, profile: next } }) };
}

/** A site of one address, each of which has a certificate of its own. */
function siteOf(siteId: string, ipaddress: string, port: number): SiteOptions {
  const host = ipaddress.includes(':') ? `[${ipaddress}]` : ipaddress;
  return { siteId, listen: [{ type: 'ssl', host, port, ipaddress, cert: 'auto' }] };
}

void describe('a certificate of an authority', { skip: pebbleSkip }, () => {
  void it('for an IP address is short-lived, served to clients that name no host, and renewed after four of six days', async (t) => {
    const scene = await open(t, (port) => [siteOf('four', '127.0.0.1', port), siteOf('six', '::1', port)]);
    const { vhostd, pebble, authority, port } = scene;
    await vhostd.logs('certificate.issued', 2, LIMIT_MS);
    assert.deepEqual([...authority.ordered], ['shortlived']);
    const ca = await pebble.root();
    for (const [host, name] of [
      ['127.0.0.1', 'IP Address:127.0.0.1'],
      ['::1', 'IP Address:0:0:0:0:0:0:0:1'],
    ] as const) {
      const value = await until(`${host} is served`, async () => {
        const told = await ask(host, port, ca).catch((error: unknown) => String(error));
        return { done: typeof told === 'object', value: told };
      });
      assert.deepEqual(value, { status: 200, names: name });
      const { notBefore = '', nextRenewal, nextRenewalReason } = stateOf(vhostd, host);
      assert.equal(nextRenewalReason, 'two-thirds');
      const days = (Date.parse(nextRenewal) - Date.parse(notBefore)) / 1000 / DAY_S;
      assert.ok(Math.abs(days - 4) < 0.01, `${days} days`);
    }
  });

  void it('is ordered with the profile of the conf; one that the authority does not have is told', async (t) => {
    const sites = (port: number): SiteOptions[] => [
      { siteId: 'a', listen: [{ type: 'ssl', host: 'a.test', port, ipaddress: '127.0.0.1', cert: 'auto' }] },
    ];
    const { vhostd, authority, port, conf } = await open(t, sites, 'forever');
    const [failed] = await vhostd.logs('certificate.failed');
    assert.equal(failed?.['code'], 'ERR_ACME_REFUSED');
    assert.match(String(failed?.['message']), /no profile 'forever': it has classic, shortlived/);
    assert.equal(authority.ordered.size, 0);
    vhostd.configure(sites(port), conf('classic'));
    await vhostd.reloaded();
    await vhostd.logs('certificate.issued', 1, LIMIT_MS);
    assert.deepEqual([...authority.ordered], ['classic']);
  });
});

/** A request for an IP address, as browsers send it: no name in the hello, the address in `Host`. */
async function ask(host: string, port: number, ca: string): Promise<{ status: number; names: string }> {
  // Node 22.23 does not know IPv6 addresses in a certificate; the names are looked at by the caller.
  const request = get({ host, port, ca, agent: false, checkServerIdentity: () => undefined });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  const { subjectaltname: names } = (response.socket as TLSSocket).getPeerCertificate();
  return { status: response.statusCode ?? 0, names: names ?? '' };
}

function stateOf(vhostd: FullVhostd, host: string): CertificateState {
  const acme = join(vhostd.dir, 'state/certificates/acme');
  const folder = join(acme, readdirSync(acme)[0] ?? '');
  return JSON.parse(readFileSync(join(folder, `${host}.json`), 'utf8')) as CertificateState;
}
