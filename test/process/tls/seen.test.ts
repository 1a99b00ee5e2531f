// What operators are shown of certificates, and what the log says of them.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { CertificatesResult } from '@vhostd/protocol';
import { aging, expired, selfSigned } from '../../kit/certificate.js';
import type { SelfSigned } from '../../kit/certificate.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';

const [OLD, STALE] = ['old.test', 'stale.test'];

function put(directory: string, name: string, { key, cert }: SelfSigned): void {
  for (const [file, text] of [
    [join(directory, `${name}.key`), key],
    [join(directory, `${name}.pem`), cert],
  ] as const) {
    writeFileSync(`${file}.next`, text);
    renameSync(`${file}.next`, file);
  }
}

async function shown(vhostd: FullVhostd, ...args: string[]): Promise<CertificatesResult['certificates']> {
  const { stdout } = await vhostd.run('cert', ...args, '--json');
  return (JSON.parse(stdout) as CertificatesResult).certificates;
}

it('a certificate that was not renewed, that has expired, or whose files are no good is seen everywhere', async (t) => {
  const entry = (host: string): object => ({
    type: 'ssl',
    host,
    port: 0,
    ipaddress: '127.0.0.1',
    key: `tls/${host}.key`,
    cert: `tls/${host}.pem`,
  });
  const [old, stale, fresh] = await Promise.all([aging(OLD), expired(STALE), selfSigned(OLD)]);
  const vhostd = await startVhostd(t, {
    daemon: true,
    conf: { log: { level: 'info' } },
    sites: [{ siteId: 'a', cpuLen: 2, listen: [entry(OLD), entry(STALE)] }],
    prepare: (dir) => {
      mkdirSync(join(dir, 'tls'));
      put(join(dir, 'tls'), OLD, old);
      put(join(dir, 'tls'), STALE, stale);
    },
  });
  const tls = join(vhostd.dir, 'tls');
  await vhostd.serves();

  const [due] = await vhostd.logs('certificate.due');
  assert.deepEqual([due?.['level'], due?.['siteId'], due?.['host']], [40, 'a', OLD]);
  assert.match(String(due?.['message']), /less than a third of its life is left/);
  const [over] = await vhostd.logs('certificate.expired');
  assert.deepEqual([over?.['level'], over?.['host']], [50, STALE]);

  const all = await shown(vhostd);
  assert.deepEqual(
    all.map(({ host, state, workers }) => [host, state, workers]),
    [
      [OLD, 'due', 2],
      [STALE, 'expired', 2],
    ],
  );
  const [one] = await shown(vhostd, 'OLD.test');
  assert.deepEqual([one?.names, one?.file, one?.issuer], [[OLD], join(tls, `${OLD}.pem`), `CN=${OLD}`]);
  const table = await vhostd.run('cert');
  assert.match(table.stdout, /^old\.test +a +due +\d{4}-\d\d-\d\d +23h \d+m +old\.test$/m);
  const unknown = await vhostd.run('cert', 'x.test');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /no worker serves a certificate for 'x\.test'.*ERR_CERT_UNKNOWN/);

  put(tls, OLD, { key: fresh.key, cert: old.cert });
  const [fault] = await vhostd.logs('certificate.fault');
  assert.deepEqual([fault?.['level'], fault?.['host'], fault?.['code']], [40, OLD, 'ERR_TLS_KEY']);
  await vhostd.until('both workers have it', ({ sites }) =>
    JSON.stringify(sites).includes('belongs to another key'),
  );
  const status = await vhostd.run('status', 'a');
  assert.match(status.stdout, /^cert +old\.test, due, until /m);
  assert.match(status.stdout, /^a: ERR_TLS_KEY: .*belongs to another key$/m);
  assert.equal((await vhostd.run('status', '--fail-on', 'degraded')).code, 1);
  const doctor = await vhostd.run('doctor');
  assert.match(doctor.stdout, /^warning: site a: the certificate of stale\.test .* has expired at /m);
  const check = await vhostd.run('check', vhostd.confFile);
  assert.match(check.stdout, /^error: a: key and cert of old\.test do not belong together$/m);
  assert.match(check.stdout, /^error: a: the certificate of stale\.test has expired at /m);

  put(tls, OLD, fresh);
  put(tls, STALE, await selfSigned(STALE));
  await vhostd.until('all is well', ({ sites }) => sites[0]?.certificateFaults === undefined);
  const renewed = await shown(vhostd, OLD);
  assert.deepEqual(
    renewed.map(({ state, fault: left, workers }) => [state, left, workers]),
    [['good', undefined, 2]],
  );
  // Two at the start, and these.
  const used = await vhostd.logs('certificate.used', 4);
  assert.equal(used.length, 4);
  assert.equal((await vhostd.run('status', '--fail-on', 'degraded')).code, 0);
});

it('`vhostd check` tells of a certificate that should have been renewed', async (t) => {
  const pair = await aging(OLD);
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [{ siteId: 'a', listen: [{ type: 'ssl', host: OLD, port: 0, ipaddress: '127.0.0.1', ...pair }] }],
  });
  const { code, stdout } = await vhostd.run('check', vhostd.confFile);
  assert.equal(code, 0);
  assert.match(stdout, /^warning: a: the certificate of old\.test expires at .*, and less than a third/m);
});

it('`vhostd check` tells of a certificate that is for another host', async (t) => {
  const named = await selfSigned('*.shop.test');
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [
      {
        siteId: 'a',
        listen: ['api.shop.test', '*.shop.test', 'shop.test'].map((host) => ({
          type: 'ssl',
          host,
          port: 0,
          ipaddress: '127.0.0.1',
          ...named,
        })),
      },
    ],
  });
  const { code, stdout } = await vhostd.run('check', vhostd.confFile);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^warning: a: the certificate of shop\.test is not for that host: it names DNS:\*\.shop/m,
  );
  assert.equal(stdout.match(/is not for that host/g)?.length, 1, stdout);
});

it('`vhostd check` takes a certificate for an address as one for that host', async (t) => {
  const named = await selfSigned('127.0.0.1');
  const listen = { type: 'ssl', port: 0, ipaddress: '127.0.0.1', ...named } as const;
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [
      { siteId: 'a', listen: [{ ...listen, host: '127.0.0.1' }] },
      { siteId: 'b', listen: [{ ...listen, host: '127.0.0.2' }] },
    ],
  });
  const { stdout } = await vhostd.run('check', vhostd.confFile);
  assert.deepEqual(stdout.match(/certificate of \S+ is not for that host/g), [
    'certificate of 127.0.0.2 is not for that host',
  ]);
});
