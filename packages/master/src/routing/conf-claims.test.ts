import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Allowance, ListenEntry } from '../conf/site-conf.js';
import { ConfClaims } from './conf-claims.js';

interface Site {
  siteId: string;
}

const a: Site = { siteId: 'a' };
const b: Site = { siteId: 'b' };

/** Entries such as `x.test`, `x.test 81`, `x.test 80 127.0.0.1 direct`; `-` is one without a host. */
function conf(...entries: string[]): { listen: ListenEntry[]; defaultListen: boolean } {
  const listen = entries.map((entry): ListenEntry => {
    const [host = '-', port = '80', ipaddress, accept] = entry.split(' ');
    return {
      type: 'tcp',
      port: Number(port),
      ...(host === '-' ? {} : { host }),
      ...(ipaddress === undefined ? {} : { ipaddress }),
      ...(accept === 'direct' ? { accept } : {}),
    };
  });
  return { listen, defaultListen: false };
}

/** What is said to workers of b that ask for these, where a's conf has those. */
function asked(
  ofA: string[],
  wanted: string[],
  { ofB = [], ...allow }: Partial<Allowance> & { ofB?: string[] } = {},
): string {
  const claims = new ConfClaims<Site>();
  claims.set(a, conf(...ofA));
  claims.set(b, conf(...ofB));
  const refused = claims.refusal(b, conf(...wanted), { defaultListen: true, ...allow });
  if (refused === undefined) return 'granted';
  assert.equal(refused.code, 'ERR_ROUTE_CONFLICT');
  assert.deepEqual([refused.info['holder'], refused.info['claimant']], ['a', 'b']);
  return refused.message;
}

void test('an address where the workers of another site accept is that one’s, and none is taken to accept alone', () => {
  const whole = /^the whole address is on port 80 of 127\.0\.0\.1 of the conf of site a;/;
  assert.match(asked(['x.test 80 127.0.0.1 direct'], ['y.test 80 127.0.0.1']), whole);
  assert.match(asked(['x.test 80 127.0.0.1 direct'], ['y.test']), whole);
  assert.match(asked(['x.test 80 127.0.0.1'], ['y.test 80 127.0.0.1 direct']), whole);
  assert.equal(asked(['x.test 80 127.0.0.1 direct'], ['y.test 80 127.0.0.2 direct']), 'granted');
});

void test('a host, a wildcard and a default that the conf of another site names are that one’s', () => {
  assert.match(asked(['x.test'], ['y.test', 'x.test']), /^host x\.test is on port 80 of the conf of site a;/);
  assert.match(asked(['*.x.test'], ['*.x.test']), /^host \*\.x\.test is /);
  assert.match(asked(['-'], ['-']), /^the default is on port 80/);
  assert.match(asked(['x.test'], ['x.test'], { hosts: ['x.test'] }), /^host x\.test is /);
  assert.equal(asked(['x.test', '-'], ['x.test 81', 'z.test', '- 81']), 'granted');
});

void test('a name below a wildcard of another site’s conf is too, unless the own conf says otherwise', () => {
  const of = ['*.x.test'];
  for (const host of ['p.x.test', 'q.p.x.test', '*.p.x.test']) {
    assert.match(asked(of, [host]), /is below \*\.x\.test, on port 80 of the conf of site a;.*allow\.hosts/);
    assert.equal(asked(of, [host], { hosts: [host] }), 'granted');
    assert.equal(asked(of, [host], { ofB: [host] }), 'granted');
  }
  assert.equal(asked(of, ['q.p.x.test'], { ofB: ['*.p.x.test'] }), 'granted');
  assert.equal(asked(of, ['q.p.x.test'], { hosts: ['*.p.x.test'] }), 'granted');
  assert.match(asked(of, ['q.p.x.test'], { hosts: ['*.test'] }), /is below/);
  assert.equal(asked(of, ['x.test', '*.test', 'ax.test']), 'granted');
});

void test('an address within one of another site’s conf would take its connections', () => {
  assert.match(asked(['x.test'], ['y.test 80 127.0.0.1']), /^127\.0\.0\.1 is an address on port 80 of 127/);
  assert.equal(asked(['x.test'], ['y.test 80 127.0.0.1'], { ipaddresses: ['127.0.0.1'] }), 'granted');
  assert.equal(asked(['x.test'], ['y.test 80 127.0.0.1'], { ofB: ['z.test 80 127.0.0.1'] }), 'granted');
  assert.match(
    asked(['x.test'], ['y.test 80 127.0.0.1'], { ofB: ['z.test'] }),
    /^127\.0\.0\.1 is an address/,
  );
  assert.equal(asked(['x.test 80 127.0.0.1'], ['y.test 80 127.0.0.2', 'y.test 80 127.0.0.1']), 'granted');
});

void test('what a site has it may keep, though the conf of another one names it by now', () => {
  const claims = new ConfClaims<Site>();
  const allow = { defaultListen: true };
  claims.set(a, conf('x.test', 'y.test', '-'));
  assert.equal(claims.refusal(b, conf('x.test', '-', 'z.test'), allow, conf('x.test', '-')), undefined);
  assert.ok(claims.refusal(b, conf('x.test', 'y.test'), allow, conf('x.test')));
});

void test('what a conf named is free when the conf says it no more, or the site is gone', () => {
  const claims = new ConfClaims<Site>();
  const allow = { defaultListen: true };
  claims.set(a, conf('x.test'));
  assert.ok(claims.refusal(b, conf('x.test'), allow));
  claims.set(a, conf('y.test'));
  assert.equal(claims.refusal(b, conf('x.test'), allow), undefined);
  assert.ok(claims.refusal(b, conf('y.test'), allow));
  claims.delete(a);
  assert.equal(claims.refusal(b, conf('y.test'), allow), undefined);
});

void test('vhostd’s certificate for a host of another site’s conf is not for these workers, on whatever address', () => {
  const secure = (...entries: string[]): { listen: ListenEntry[]; defaultListen: boolean } => {
    const listen = conf(...entries).listen.map((entry) => ({
      ...entry,
      type: 'ssl' as const,
      cert: 'internal',
    }));
    return { listen, defaultListen: false };
  };
  const ask = (named: string[], wanted: string[], ofB: string[] = [], hosts: string[] = []): string => {
    const claims = new ConfClaims<Site>();
    claims.set(a, secure(...named));
    claims.set(b, conf(...ofB));
    const allow = { defaultListen: true, hosts };
    return claims.refusal(b, secure(...wanted), allow)?.message ?? 'granted';
  };
  const named = /^the conf of site a names x\.test; workers of b cannot have a certificate of vhostd's for /;
  assert.match(ask(['x.test 443'], ['y.test 444', 'x.test 444']), named);
  assert.match(ask(['x.test 443'], ['*.test 444']), named);
  assert.match(ask(['*.x.test 443'], ['y.x.test 444']), /names \*\.x\.test;/);
  assert.match(ask(['- 443'], ['- 444']), /names localhost;/);
  assert.match(ask(['- 443'], ['localhost 444']), /names localhost;/);
  for (const [ofB, hosts] of [
    [['x.test 80'], []],
    [[], ['x.test']],
  ] as const) {
    assert.equal(ask(['x.test 443'], ['x.test 444'], [...ofB], [...hosts]), 'granted');
  }
  assert.equal(ask(['x.test 443'], ['y.test 444', 'ax.test 444']), 'granted');
});
