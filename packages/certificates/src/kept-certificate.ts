// One certificate: gets it, keeps it, renews it, and gives it to the directories of the sites that want it. All that it
// knows is on disk, so that another process goes on where this one ends.
import { join } from 'node:path';
import type {
  CertificateKind,
  CertificateRenewal,
  FailedCertificate,
  IssuedCertificate,
  CertificateState,
  WantedCertificate,
} from '@vhostd/protocol';
import {
  certificateFile,
  certificateName,
  readWhole,
  toWireError,
  VhostError,
  writeWhole,
} from '@vhostd/protocol';
import { factsOf, readState, writeState } from './certificate-state.js';
import type { CertificateFacts } from './certificate-state.js';
import { locked } from './files/lock.js';
import type { Issuer } from './issuer.js';
import { refusedRetryTime, renewalTime, retryTime, windowTime, withinHour } from './schedule.js';

/** What becomes of certificates. */
export interface CertificateEvents {
  onIssued(told: IssuedCertificate): void;
  onFailed(told: FailedCertificate): void;
  /** When the next one comes is known, or another time by now. */
  onRenewal(told: CertificateRenewal): void;
}

/** What a {@link KeptCertificate} works with. */
export interface KeptOptions {
  readonly events: CertificateEvents;
  /** Who issues it; asked for anew where that could not be had. */
  readonly issuer: () => Promise<Issuer>;
  /** The clock, ms since 1970. */
  readonly now?: () => number;
}

export class KeptCertificate {
  readonly kind: CertificateKind;
  readonly host: string;
  /** Whose sites have it; undefined: this process's. */
  readonly #uid: number | undefined;
  readonly #options: KeptOptions;
  #homes: WantedCertificate['homes'];
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #toldRenewal = '';
  /** Failures that no state could be written of. */
  #unwritten = 0;

  constructor({ kind, host, uid, homes }: WantedCertificate, options: KeptOptions) {
    this.kind = kind;
    this.host = host;
    this.#uid = uid;
    this.#homes = homes;
    this.#options = options;
  }

  /** Gives it to these directories from now on. */
  set homes(homes: WantedCertificate['homes']) {
    this.#homes = homes;
  }

  /** Does what is due by what is on disk now. Resolves when that is done; never rejects. */
  look(): Promise<void> {
    this.#again = this.#looking !== undefined;
    this.#looking ??= this.#lookOn();
    return this.#looking;
  }

  /** Does nothing more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #lookOn(): Promise<void> {
    let next: number;
    do {
      this.#again = false;
      next = await this.#lookOnce();
      // oxlint-disable-next-line typescript/no-unnecessary-condition
    } while (this.#again && !this.#stopped);
    this.#looking = undefined;
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    // A clock that is set, or a machine that sleeps, is noticed within the hour.
    const delayMs = Math.min(Math.max(next - this.#now(), SOONEST_MS), LATEST_MS);
    this.#timer = setTimeout(() => void this.look(), delayMs);
  }

  /** Resolves with when to look again. */
  async #lookOnce(): Promise<number> {
    try {
      const issuer = await this.#options.issuer();
      const files = filesOf(issuer, this.host, this.#uid);
      if (this.#isDue(issuer, files)) {
        const done = await locked(files.lock, async () => {
          // Another process may have done it while this one waited.
          if (this.#isDue(issuer, files)) await this.#renew(issuer, files);
        });
        if (done === undefined) return this.#now() + LOCKED_LOOK_MS;
      }
      this.#handOut(files);
      this.#restoreState(issuer, files);
      await this.#heedWindow(issuer, files);
      this.#unwritten = 0;
      const state = readState(files.state);
      if (state !== undefined) this.#tellRenewal(state);
      return nextOf(state) ?? this.#now();
    } catch (error) {
      this.#unwritten += 1;
      const next = retryTime(this.#unwritten, this.#now());
      this.#tellFailure(error, next);
      const { code, message } = toWireError(error);
      const nextRenewal = new Date(next).toISOString();
      const at = new Date(this.#now()).toISOString();
      this.#tellRenewal({ nextRenewal, nextRenewalReason: 'retry', lastError: { code, message, at } });
      return next;
    }
  }

  #isDue(issuer: Issuer, files: CertificateFiles): boolean {
    const state = readState(files.state);
    const held = heldIn(files, issuer);
    const next = nextOf(state);
    if (held === undefined) {
      return next === undefined || state?.lastError === undefined || next <= this.#now();
    }
    return (next ?? renewalTime(factsOf(held))) <= this.#now();
  }

  async #renew(issuer: Issuer, files: CertificateFiles): Promise<void> {
    const { host, kind } = this;
    const before = readState(files.state);
    try {
      const refusedChallenge = before?.refusedChallenge;
      const pem = await issuer.issue(host, { refusedChallenge, previous: heldIn(files, issuer) });
      const state = {
        ...this.#stateOf(pem, issuer),
        ...(refusedChallenge === undefined ? {} : { refusedChallenge }),
      };
      writeWhole(files.pair, pem);
      writeState(files.state, state);
      const { issuer: by, notAfter, nextRenewal } = state;
      this.#options.events.onIssued({ kind, host, issuer: by, notAfter, nextRenewal });
    } catch (error) {
      const state = this.#failedState(issuer, files, error);
      writeState(files.state, state);
      this.#tellFailure(error, Date.parse(state.nextRenewal));
    }
  }

  #failedState(issuer: Issuer, files: CertificateFiles, error: unknown): CertificateState {
    const before = readState(files.state);
    const { code, message, info } = toWireError(error);
    const now = this.#now();
    const at = new Date(now).toISOString();
    const failures = [...(before?.failures ?? []), at].slice(-FAILURES_KEPT);
    const isRefused = code === 'ERR_ACME_CHALLENGE';
    const refusals = withinHour(
      [...(before?.refusals ?? []).map(Date.parse), ...(isRefused ? [now] : [])],
      now,
    );
    const limit = issuer.attemptsPerHour;
    const wait = Math.min(Number(info?.['retryAfterMs'] ?? 0), WAIT_MAX_MS);
    const soonest = isRefused
      ? refusedRetryTime(refusals, limit ?? Infinity, now)
      : retryTime(failures.length, now);
    const held = heldIn(files, issuer);
    const refusedChallenge = isRefused ? String(info?.['type']) : before?.refusedChallenge;
    return {
      ...this.#named(issuer),
      ...(held === undefined ? {} : factsOf(held)),
      nextRenewal: new Date(Math.max(soonest, now + wait)).toISOString(),
      nextRenewalReason: 'retry',
      lastError: { code, message, at },
      failures,
      refusals: refusals.map((time) => new Date(time).toISOString()),
      ...(refusedChallenge === undefined ? {} : { refusedChallenge }),
      ...(limit === undefined ? {} : { attemptsLeft: Math.max(limit - refusals.length, 0) }),
    };
  }

  /** An authority may want a certificate to be renewed earlier, or may have time until later. */
  async #heedWindow(issuer: Issuer, files: CertificateFiles): Promise<void> {
    const held = heldIn(files, issuer);
    const state = readState(files.state);
    if (held === undefined || state === undefined || state.lastError !== undefined) return;
    // Without an answer it stays as it was.
    const told = await issuer.renewalWindow?.(held).catch(() => undefined);
    if (told === undefined) return;
    const window = { start: new Date(told.start).toISOString(), end: new Date(told.end).toISOString() };
    if (state.window?.start === window.start && state.window.end === window.end) return;
    const nextRenewal = new Date(windowTime(told, factsOf(held), Math.random())).toISOString();
    writeState(files.state, { ...state, window, nextRenewal, nextRenewalReason: 'window' });
  }

  /** Somebody has removed it, or it is of another version. */
  #restoreState(issuer: Issuer, files: CertificateFiles): void {
    const held = heldIn(files, issuer);
    if (held !== undefined && readState(files.state) === undefined)
      writeState(files.state, this.#stateOf(held, issuer));
  }

  /** With a certificate, and nothing amiss. */
  #stateOf(pem: string, issuer: Issuer): CertificateState & CertificateFacts {
    const facts = factsOf(pem);
    // One that has ended, or soon will, is no reason to ask for the next one at once.
    const nextRenewal = new Date(Math.max(renewalTime(facts), this.#now() + NEXT_SOONEST_MS)).toISOString();
    const { attemptsPerHour: attemptsLeft } = issuer;
    return {
      ...this.#named(issuer),
      ...facts,
      nextRenewal,
      nextRenewalReason: 'two-thirds',
      failures: [],
      refusals: [],
      ...(attemptsLeft === undefined ? {} : { attemptsLeft }),
    };
  }

  #named({ name: authority }: Issuer): Pick<CertificateState, 'version' | 'host' | 'kind' | 'authority'> {
    const { host, kind } = this;
    return { version: 1, host, kind, authority };
  }

  /** Writes what the workers of the sites read, where that is not there yet. */
  #handOut({ pair }: CertificateFiles): void {
    const pem = readWhole(pair);
    if (pem === undefined) return;
    const failures = this.#homes.flatMap(({ directory, uid, gid }) => {
      const file = join(directory, certificateFile(this.kind, this.host));
      try {
        if (readOrNone(file) !== pem) writeWhole(file, pem, { uid, gid });
        return [];
      } catch (cause) {
        return [{ file, cause }];
      }
    });
    const [failure] = failures;
    if (failure === undefined) return;
    const { file, cause } = failure;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `can't write ${file}: ${reason}`;
    throw new VhostError('ERR_CERTIFICATE_STORE', message, { info: { path: file }, cause });
  }

  #tellRenewal(state: Omit<CertificateRenewal, 'kind' | 'host'>): void {
    const { authority, nextRenewal, nextRenewalReason, lastError, attemptsLeft } = state;
    const told: CertificateRenewal = {
      kind: this.kind,
      host: this.host,
      ...(this.#uid === undefined ? {} : { uid: this.#uid }),
      ...(authority === undefined ? {} : { authority }),
      nextRenewal,
      nextRenewalReason,
      ...(lastError === undefined ? {} : { lastError }),
      ...(attemptsLeft === undefined ? {} : { attemptsLeft }),
    };
    const text = JSON.stringify(told);
    if (text === this.#toldRenewal) return;
    this.#toldRenewal = text;
    this.#options.events.onRenewal(told);
  }

  #tellFailure(error: unknown, next: number): void {
    const { code, message } = toWireError(error);
    const { kind, host } = this;
    this.#options.events.onFailed({ kind, host, code, message, nextAttempt: new Date(next).toISOString() });
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

/** Where one certificate of an authority lies. */
interface CertificateFiles {
  /** Key and chain. */
  readonly pair: string;
  readonly state: string;
  readonly lock: string;
}

/** For the sites of another user there is another key, so that none serves what another one can read. */
function filesOf({ directory }: Issuer, host: string, uid: number | undefined): CertificateFiles {
  const name = join(directory, certificateName(host));
  const base = uid === undefined ? name : `${name}+${uid}`;
  // An authority is asked for a host by one at a time.
  return { pair: `${base}.pem`, state: `${base}.json`, lock: `${name}.lock` };
}

/** The certificate that is there, unless nobody vouches for it any more. */
function heldIn({ pair }: CertificateFiles, issuer: Issuer): string | undefined {
  const pem = readWhole(pair);
  try {
    return pem !== undefined && issuer.vouchesFor(pem) ? pem : undefined;
  } catch {
    // It is no certificate.
    return undefined;
  }
}

/** What cannot be read is replaced. */
function readOrNone(file: string): string | undefined {
  try {
    return readWhole(file);
  } catch {
    return undefined;
  }
}

function nextOf(state: CertificateState | undefined): number | undefined {
  return state === undefined ? undefined : Date.parse(state.nextRenewal);
}

const SOONEST_MS = 1000;
/** Between one certificate and the next. */
const NEXT_SOONEST_MS = 60_000;
const LATEST_MS = 60 * 60 * 1000;
/** Another process is at it. */
const LOCKED_LOOK_MS = 2000;
/** An authority may say any time to wait. */
const WAIT_MAX_MS = 7 * 24 * 60 * 60 * 1000;
const FAILURES_KEPT = 20;
