import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedCertificates } from './wanted-certificates.js';
import type { WantingSite } from './wanted-certificates.js';

type Entry = WantingSite['conf']['listen'][number];

const at = { port: 443, cert: 'internal' } as const;

function site(siteId: string, listen: Partial<Entry>[], next: Partial<Entry>[] = listen): WantingSite {
  const written = (entries: Partial<Entry>[]): Entry[] =>
    entries.map((entry) => ({ type: 'ssl', ...at, ...entry }));
  return {
    running: siteId !== 'down',
    conf: { siteId, listen: written(listen) },
    wantedPlaces: { listen: written(next) },
  };
}

const directoryOf = ({ siteId }: { siteId: string }): string => `/run/${siteId}`;

void test('each host is wanted once, by all its sites, with what the next generation is to have', () => {
  const sites = [
    site('a', [{ host: 'x.test' }, { host: 'x.test', port: 8443 }, {}]),
    site('b', [{ host: 'x.test', ipaddress: '127.0.0.2' }], [{ host: '*.b.test' }]),
  ];
  assert.deepEqual(wantedCertificates(sites, directoryOf), [
    { kind: 'internal', host: 'x.test', homes: [{ directory: '/run/a' }, { directory: '/run/b' }] },
    { kind: 'internal', host: 'localhost', homes: [{ directory: '/run/a' }] },
    { kind: 'internal', host: '*.b.test', homes: [{ directory: '/run/b' }] },
  ]);
});

void test('the sites of another user have one of their own', () => {
  const [own, others] = [site('a', [{ host: 'x.test' }]), site('b', [{ host: 'x.test' }])];
  const uid = (process.geteuid?.() ?? 0) + 1;
  const foreign = { ...others, conf: { ...others.conf, runAs: { uid, gid: 7, home: '/' } } };
  assert.deepEqual(wantedCertificates([own, foreign, foreign], directoryOf), [
    { kind: 'internal', host: 'x.test', homes: [{ directory: '/run/a' }] },
    {
      kind: 'internal',
      host: 'x.test',
      uid,
      homes: [
        { directory: '/run/b', uid, gid: 7 },
        { directory: '/run/b', uid, gid: 7 },
      ],
    },
  ]);
});

void test('files, and entries in clear, want none: no directory is made for them', () => {
  const sites = [site('a', [{ host: 'x.test', cert: 'tls/cert.pem' }, { type: 'tcp' }])];
  assert.deepEqual(
    wantedCertificates(sites, () => assert.fail('a directory was made')),
    [],
  );
});

void test('an authority is asked for a host only while that can be reached', () => {
  const sites = [
    site('up', [{ host: 'x.test', cert: 'auto' }]),
    site('down', [{ host: 'y.test', cert: 'auto' }, {}]),
  ];
  const wanted = wantedCertificates(sites, directoryOf).map(({ kind, host }) => `${kind} ${host}`);
  assert.deepEqual(wanted, ['auto x.test', 'internal localhost']);
});
