import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type {
  CertificateRenewal,
  CertificateState,
  FailedCertificate,
  IssuedCertificate,
} from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import { locked } from './files/lock.js';
import { InternalAuthority } from './internal/internal-authority.js';
import type { Issuer } from './issuer.js';
import { KeptCertificate } from './kept-certificate.js';

const HOST = 'a.test';
const DAY_MS = 24 * 60 * 60 * 1000;

class Bench {
  readonly stateDir: string = mkdtempSync(join(tmpdir(), 'kept-certificate-'));
  readonly home: string = join(this.stateDir, 'home');
  readonly issued: IssuedCertificate[] = [];
  readonly renewals: CertificateRenewal[] = [];
  readonly failed: FailedCertificate[] = [];
  issuer!: Issuer;
  nowMs: number = Date.now();
  count = 0;
  /** What the issuer says to the next requests. */
  refusal: Error | undefined;

  static async open(t: TestContext): Promise<Bench> {
    const bench = new Bench();
    t.after(() => rmSync(bench.stateDir, { recursive: true }));
    mkdirSync(bench.home);
    const authority = await InternalAuthority.open(bench.stateDir);
    bench.issuer = {
      directory: authority.directory,
      name: 'internal',
      vouchesFor: (pem) => authority.vouchesFor(pem),
      issue: async (host) => {
        bench.count += 1;
        if (bench.refusal !== undefined) throw bench.refusal;
        return await authority.issue(host);
      },
    };
    return bench;
  }

  /** As of another process each time: nothing is known but what is on disk. */
  async look(homes: string[] = [this.home], uid?: number): Promise<void> {
    const wanted = {
      kind: 'internal' as const,
      host: HOST,
      ...(uid === undefined ? {} : { uid }),
      homes: homes.map((directory) => ({ directory })),
    };
    const kept = new KeptCertificate(wanted, {
      issuer: () => Promise.resolve(this.issuer),
      now: () => this.nowMs,
      events: {
        onIssued: (told) => this.issued.push(told),
        onFailed: (told) => this.failed.push(told),
        onRenewal: (told) => this.renewals.push(told),
      },
    });
    await kept.look();
    kept.stop();
  }

  get file(): string {
    return join(this.issuer.directory, `${HOST}.pem`);
  }

  get handedOut(): string {
    return readFileSync(join(this.home, `internal.${HOST}.pem`), 'utf8');
  }

  get state(): CertificateState {
    return JSON.parse(readFileSync(join(this.issuer.directory, `${HOST}.json`), 'utf8')) as CertificateState;
  }
}

void test('a certificate is issued once, and given to each home', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  await bench.look();
  assert.equal(bench.count, 1);
  assert.equal(bench.handedOut, readFileSync(bench.file, 'utf8'));
  assert.equal(statSync(join(bench.home, `internal.${HOST}.pem`)).mode & 0o777, 0o600);
  assert.equal(statSync(bench.file).mode & 0o777, 0o600);
  const { nextRenewal, notAfter = '', nextRenewalReason, failures } = bench.state;
  assert.deepEqual([nextRenewalReason, failures], ['two-thirds', []]);
  assert.deepEqual(bench.issued, [
    { kind: 'internal', host: HOST, issuer: bench.state.issuer, notAfter, nextRenewal },
  ]);
  assert.ok(!JSON.stringify(bench.state).includes('PRIVATE'));
});

void test('a home that has lost it, or is new, gets it again without another certificate', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  const other = join(bench.stateDir, 'other');
  mkdirSync(other);
  rmSync(join(bench.home, `internal.${HOST}.pem`));
  await bench.look([bench.home, other]);
  assert.equal(readFileSync(join(other, `internal.${HOST}.pem`), 'utf8'), bench.handedOut);
  assert.equal(bench.count, 1);
});

void test('the sites of another user get another key, which is kept beside the first', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  const first = bench.handedOut;
  const other = join(bench.stateDir, 'other');
  mkdirSync(other);
  for (let looks = 0; looks < 2; looks += 1) await bench.look([other], 4711);
  assert.equal(bench.count, 2);
  const second = readFileSync(join(other, `internal.${HOST}.pem`), 'utf8');
  assert.notEqual(keyIn(second), keyIn(first));
  await bench.look();
  assert.equal(bench.handedOut, first);
  assert.deepEqual(
    bench.renewals.map(({ uid }) => uid),
    [undefined, 4711, 4711, undefined],
  );
});

void test('it is renewed when two thirds of its life are over, or when its state says so', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  const first = bench.handedOut;
  bench.nowMs += 19 * DAY_MS;
  await bench.look();
  assert.equal(bench.handedOut, first);
  bench.nowMs += 2 * DAY_MS;
  await bench.look();
  assert.notEqual(bench.handedOut, first);
  const second = bench.handedOut;
  bench.nowMs = Date.now();
  const state = { ...bench.state, nextRenewal: new Date(0).toISOString() };
  writeFileSync(join(bench.issuer.directory, `${HOST}.json`), JSON.stringify(state));
  await bench.look();
  assert.notEqual(bench.handedOut, second);
  assert.equal(bench.count, 3);
});

void test('after a failure what is there stays, and it is tried again no sooner than its state says', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  const first = bench.handedOut;
  bench.nowMs += 21 * DAY_MS;
  bench.refusal = Object.assign(new Error('not today'), { code: 'ERR_TEST' });
  await bench.look();
  await bench.look();
  assert.equal(bench.count, 2);
  assert.equal(bench.handedOut, first);
  const { lastError, nextRenewal, nextRenewalReason, failures, notAfter } = bench.state;
  assert.deepEqual([lastError?.code, lastError?.message], ['ERR_TEST', 'not today']);
  assert.equal(Date.parse(nextRenewal), bench.nowMs + 5000);
  assert.deepEqual([nextRenewalReason, failures.length], ['retry', 1]);
  assert.equal(notAfter, bench.issued[0]?.notAfter);
  assert.deepEqual(bench.failed, [
    { kind: 'internal', host: HOST, code: 'ERR_TEST', message: 'not today', nextAttempt: nextRenewal },
  ]);
  bench.nowMs += 5001;
  await bench.look();
  assert.equal(Date.parse(bench.state.nextRenewal), bench.nowMs + 10_000);
  bench.nowMs += 10_001;
  bench.refusal = undefined;
  await bench.look();
  assert.notEqual(bench.handedOut, first);
  assert.deepEqual([bench.state.lastError, bench.state.failures], [undefined, []]);
});

void test('a first certificate that can not be had is tried again as its state says, by another process as well', async (t) => {
  const bench = await Bench.open(t);
  bench.refusal = new Error('not today');
  await bench.look();
  await bench.look();
  assert.equal(bench.count, 1);
  bench.nowMs += 5001;
  bench.refusal = undefined;
  await bench.look();
  assert.equal(bench.count, 2);
  assert.ok(bench.handedOut.includes('BEGIN CERTIFICATE'));
});

void test('what nobody vouches for is replaced at once', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  for (const spoil of [
    () => writeFileSync(bench.file, 'no certificate'),
    () => rmSync(bench.file),
    () => writeFileSync(join(bench.issuer.directory, `${HOST}.json`), '{'),
  ]) {
    spoil();
    await bench.look();
    assert.match(bench.handedOut, /BEGIN CERTIFICATE/);
    assert.equal(bench.state.version, 1);
  }
  assert.equal(bench.count, 3);
});

void test('while another process is at it, it is left to that one', async (t) => {
  const bench = await Bench.open(t);
  await locked(join(bench.issuer.directory, `${HOST}.lock`), async () => {
    await bench.look();
    assert.equal(bench.count, 0);
  });
  await bench.look();
  assert.equal(bench.count, 1);
});

void test('a home that is not there is a failure, which the other homes do not feel', async (t) => {
  const bench = await Bench.open(t);
  await bench.look([join(bench.stateDir, 'missing'), bench.home]);
  assert.equal(bench.failed[0]?.code, 'ERR_CERTIFICATE_STORE');
  assert.match(bench.handedOut, /BEGIN CERTIFICATE/);
  assert.equal(bench.count, 1);
});

void test('it is renewed within the window of its authority, which may change', async (t) => {
  const bench = await Bench.open(t);
  let window = { start: bench.nowMs + DAY_MS, end: bench.nowMs + 2 * DAY_MS };
  bench.issuer = { ...bench.issuer, renewalWindow: () => Promise.resolve(window) };
  await bench.look();
  const { nextRenewal, nextRenewalReason } = bench.state;
  assert.equal(nextRenewalReason, 'window');
  assert.ok(Date.parse(nextRenewal) >= window.start && Date.parse(nextRenewal) <= window.end);
  await bench.look();
  assert.equal(bench.state.nextRenewal, nextRenewal, 'the time within a window is chosen once');
  window = { start: bench.nowMs - DAY_MS, end: bench.nowMs - 1 };
  bench.nowMs += DAY_MS / 8;
  await bench.look();
  assert.equal(bench.count, 1);
  await bench.look();
  assert.equal(bench.count, 2);
});

void test('without an answer about its window it stays as it was', async (t) => {
  const bench = await Bench.open(t);
  bench.issuer = { ...bench.issuer, renewalWindow: () => Promise.reject(new Error('away')) };
  await bench.look();
  assert.deepEqual([bench.state.nextRenewalReason, bench.failed], ['two-thirds', []]);
});

void test('a wait that the authority asks for is kept, and what it has looked for in vain is counted', async (t) => {
  const bench = await Bench.open(t);
  bench.issuer = { ...bench.issuer, attemptsPerHour: 5 };
  bench.refusal = new VhostError('ERR_ACME_LIMIT', 'too many', { info: { retryAfterMs: DAY_MS } });
  await bench.look();
  assert.equal(Date.parse(bench.state.nextRenewal), bench.nowMs + DAY_MS);
  assert.equal(bench.state.attemptsLeft, 5);
  bench.nowMs += DAY_MS + 1;
  bench.refusal = new VhostError('ERR_ACME_CHALLENGE', 'not here');
  await bench.look();
  assert.deepEqual([bench.state.attemptsLeft, bench.state.refusals.length], [4, 1]);
  assert.equal(Date.parse(bench.state.nextRenewal), bench.nowMs + 30_000);
});

void test('whatever time an authority says to wait, it is asked again within a week', async (t) => {
  const bench = await Bench.open(t);
  bench.refusal = new VhostError('ERR_ACME_LIMIT', 'too many', { info: { retryAfterMs: 1e21 } });
  await bench.look();
  assert.equal(Date.parse(bench.state.nextRenewal), bench.nowMs + 7 * DAY_MS);
  const { code, message } = bench.state.lastError ?? {};
  assert.deepEqual([code, message], ['ERR_ACME_LIMIT', 'too many']);
});

void test('when the next one comes is told once, and again when that is another time', async (t) => {
  const bench = await Bench.open(t);
  await bench.look();
  const { nextRenewal } = bench.state;
  const renewal = { kind: 'internal', host: HOST, authority: 'internal', nextRenewal };
  assert.deepEqual(bench.renewals, [{ ...renewal, nextRenewalReason: 'two-thirds' }]);
  bench.refusal = new VhostError('ERR_ACME_REFUSED', 'no');
  bench.nowMs += 25 * DAY_MS;
  await bench.look();
  const [, told] = bench.renewals;
  assert.deepEqual([told?.nextRenewalReason, told?.lastError?.code], ['retry', 'ERR_ACME_REFUSED']);
  bench.issuer = { ...bench.issuer, directory: join(bench.stateDir, 'none', 'such') };
  await bench.look();
  assert.equal(bench.renewals[2]?.lastError?.code, 'ERR_LOCK_FAILED');
});

function keyIn(pem: string): string | undefined {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+/.exec(pem)?.[0];
}
