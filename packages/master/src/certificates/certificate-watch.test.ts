import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MasterEvents } from '../events.js';
import type { EventName } from '../events.js';
import { CertificateWatch } from './certificate-watch.js';
import type { CertifiedSite } from './site-certificates.js';
import { certificatesOf } from './site-certificates.js';
import type { ToldCertificate } from '../workers/told-certificates.js';

const DAY_MS = 24 * 3_600_000;
const HOST = 'a.test';
const GOOD: ToldCertificate = {
  host: HOST,
  issuer: 'CN=ca',
  names: [HOST],
  notBefore: 0,
  notAfter: 90 * DAY_MS,
  fingerprint: 'a'.repeat(64),
  file: '/cert.pem',
};
const RENEWED: ToldCertificate = { ...GOOD, notAfter: 150 * DAY_MS, fingerprint: 'b'.repeat(64) };
const FAULT = { code: 'ERR_TLS_KEY', message: 'the certificate belongs to another key' };

function siteOf(...workers: ToldCertificate[][]): CertifiedSite {
  const listen = [
    { type: 'ssl', host: HOST, port: 443 },
    { type: 'tcp', host: 'clear.test', port: 80 },
  ] as const;
  return { siteId: 'a', conf: { listen }, workers: () => workers.map((certificates) => ({ certificates })) };
}

/** What the watch says of a site, at the time that the clock has. */
function watching(): { clock: { day: number }; said: (site: CertifiedSite) => string[] } {
  const clock = { day: 0 };
  const events = new MasterEvents();
  const lines: string[] = [];
  for (const name of ['used', 'due', 'expired', 'fault']) {
    const event = `certificate.${name}` as EventName;
    events.on(event, (payload) => {
      assert.equal(Reflect.get(payload, 'siteId'), 'a');
      lines.push(name);
    });
  }
  const watch = new CertificateWatch({ list: () => [], find: () => undefined }, () => clock.day * DAY_MS);
  const said = (site: CertifiedSite): string[] => {
    watch.look(site, events);
    return lines.splice(0);
  };
  return { clock, said };
}

void describe('of the certificates of a site', () => {
  void it('one that is used is told once, whichever worker serves it', () => {
    const { clock, said } = watching();
    assert.deepEqual(said(siteOf([GOOD], [GOOD])), ['used']);
    for (; clock.day < 50; clock.day += 1) assert.deepEqual(said(siteOf([GOOD])), []);
    assert.deepEqual(said(siteOf([GOOD], [RENEWED])), ['used']);
  });

  void it('one that was not renewed in the first two thirds of its life is reported daily, and when it has expired', () => {
    const { clock, said } = watching();
    assert.deepEqual(said(siteOf([GOOD])), ['used']);
    clock.day = 59.9;
    assert.deepEqual(said(siteOf([GOOD])), []);
    clock.day = 60;
    assert.deepEqual(said(siteOf([GOOD])), ['due']);
    clock.day = 60.9;
    assert.deepEqual(said(siteOf([GOOD])), []);
    clock.day = 61;
    assert.deepEqual(said(siteOf([GOOD])), ['due']);
    clock.day = 61.5;
    assert.deepEqual(said(siteOf([RENEWED])), ['used']);
    clock.day = 90;
    assert.deepEqual(said(siteOf([GOOD])), ['expired']);
    assert.deepEqual(said(siteOf([GOOD])), []);
    clock.day = 91;
    assert.deepEqual(said(siteOf([GOOD])), ['expired']);
  });

  void it('a fault is reported at once, and again each day that it lasts, also when workers come and go', () => {
    const { clock, said } = watching();
    const faulty = { ...GOOD, fault: FAULT };
    assert.deepEqual(said(siteOf([GOOD])), ['used']);
    assert.deepEqual(said(siteOf([faulty], [faulty])), ['fault']);
    assert.deepEqual(said(siteOf()), []);
    assert.deepEqual(said(siteOf([faulty])), []);
    clock.day = 1;
    assert.deepEqual(said(siteOf([faulty])), ['fault']);
  });

  void it('that one has expired is told once, also where its worker says so', () => {
    const { clock, said } = watching();
    clock.day = 91;
    const fault = { code: 'ERR_TLS_DATE', message: 'expired' };
    assert.deepEqual(said(siteOf([{ ...GOOD, fault }])), ['used', 'expired']);
  });

  void it('a worker that tells something else again and again is not heeded any more for the hour', () => {
    const { clock, said } = watching();
    let count = 0;
    for (let index = 0; index < 1000; index += 1) {
      const fingerprint = index.toString(16).padStart(64, '0');
      count += said(siteOf([{ ...GOOD, fingerprint, fault: { ...FAULT, message: fingerprint } }])).length;
    }
    assert.equal(count, 250);
    clock.day += 1 / 24;
    assert.deepEqual(said(siteOf([GOOD])), ['used']);
  });

  void it('those of hosts that its conf has no ssl entry for are nobody’s', () => {
    const others = ['b.test', 'clear.test'].map((host) => ({ ...GOOD, host }));
    const { host: _host, ...everyHost } = GOOD;
    assert.deepEqual(certificatesOf(siteOf([...others, everyHost]), 0), []);
  });

  void it('the status says who serves what, and until when', () => {
    const since = 61 * DAY_MS;
    const site = siteOf([GOOD], [{ ...GOOD, fault: FAULT, since }], [GOOD]);
    const { notBefore: _from, notAfter: _until, ...facts } = GOOD;
    const common = {
      ...facts,
      siteId: 'a',
      notBefore: '1970-01-01T00:00:00.000Z',
      renewFrom: '1970-03-02T00:00:00.000Z',
      notAfter: '1970-04-01T00:00:00.000Z',
      state: 'due',
    };
    assert.deepEqual(certificatesOf(site, 62 * DAY_MS), [
      { ...common, workers: 2 },
      { ...common, workers: 1, fault: { ...FAULT, since: '1970-03-03T00:00:00.000Z' } },
    ]);
  });
});
