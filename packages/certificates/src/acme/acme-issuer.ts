// Certificates of an authority that speaks ACME (RFC 8555).
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import acme from 'acme-client';
import type { AcmeSettings } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import type { IssueContext, Issuer } from '../issuer.js';
import type { ChallengeResponder } from './challenge-responder.js';
import { AcmeDirectory } from './acme-directory.js';
import { Turns } from './turns.js';
import { checkIssued } from './issued-certificate.js';
import { forgetAccount, openAccount } from './acme-account.js';
import { bounded, configureHttp, problemOf } from './acme-http.js';
import { renewalId, RenewalWindows } from './renewal-windows.js';

type Authorization = acme.Authorization;
type Challenge = Authorization['challenges'][number];

export class AcmeIssuer implements Issuer {
  readonly directory: string;
  readonly name: string;
  readonly attemptsPerHour = 5;
  readonly #settings: AcmeSettings;
  readonly #responder: ChallengeResponder;
  readonly #asked: AcmeDirectory;
  readonly #windows: RenewalWindows;
  readonly #turns = new Turns(ORDERS_MAX_COUNT);

  constructor(stateDir: string, settings: AcmeSettings, responder: ChallengeResponder) {
    this.#settings = settings;
    this.#responder = responder;
    this.name = settings.directory;
    this.directory = join(stateDir, 'certificates', 'acme', folderOf(settings.directory));
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    this.#asked = new AcmeDirectory(settings.directory);
    this.#windows = new RenewalWindows(this.#asked);
  }

  vouchesFor(pem: string): boolean {
    return Date.parse(new X509Certificate(pem).validTo) > 0;
  }

  /** @throws {VhostError} ERR_ACME_…, ERR_LOCK_FAILED. */
  async issue(host: string, context: IssueContext): Promise<string> {
    return await this.#turns.run(() => bounded(() => this.#issue(host, context)));
  }

  async #issue(host: string, context: IssueContext): Promise<string> {
    try {
      configureHttp(this.#settings.ca);
      const client = await openAccount(this.directory, this.#settings);
      return await this.#order(client, host, context);
    } catch (error) {
      // It has lost what it knew; the next attempt makes an account.
      if (problemOf(error) === 'accountDoesNotExist') forgetAccount(this.directory);
      throw error instanceof VhostError ? error : unexpected(error);
    }
  }

  /** When the authority wants a certificate to be renewed; undefined where it does not say. */
  async renewalWindow(pem: string): Promise<{ start: number; end: number } | undefined> {
    configureHttp(this.#settings.ca);
    return await this.#windows.of(pem);
  }

  async #order(client: acme.Client, host: string, context: IssueContext): Promise<string> {
    const name = host.replaceAll(/[[\]]/g, '');
    const { previous } = context;
    const replaces =
      previous !== undefined && (await this.#windows.known()) ? renewalId(previous) : undefined;
    const isAddress = isIP(name) !== 0;
    const profile = await this.#asked.profileFor(this.#settings.profile, isAddress);
    const order = await client.createOrder({
      identifiers: [{ type: isAddress ? 'ip' : 'dns', value: name }],
      ...(replaces === undefined ? {} : { replaces }),
      ...(profile === undefined ? {} : { profile }),
    });
    // Each of them takes a while: an authority that names a thousand would have this order under way for days.
    if (order.authorizations.length > AUTHORIZATIONS_MAX_COUNT) {
      const message = `the authority wants ${order.authorizations.length} proofs for one host`;
      throw new VhostError('ERR_ACME_REFUSED', message);
    }
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status !== 'valid') await this.#prove(client, authorization, context);
    }
    const key = await acme.crypto.createPrivateEcdsaKey();
    const [, csr] = await acme.crypto.createCsr({ altNames: [name] }, key);
    const chain = await client.getCertificate(await client.finalizeOrder(order, csr));
    checkIssued(chain, name, createPrivateKey(key));
    return `${key.toString().trim()}\n${chain.trim()}\n`;
  }

  /** Shows that the host is here, in one way; where that was in vain the last time, in the other one. */
  async #prove(
    client: acme.Client,
    authorization: Authorization,
    { refusedChallenge }: IssueContext,
  ): Promise<void> {
    const offered = new Set(authorization.challenges.map(typeOf));
    const types = TYPES.filter((type) => offered.has(type));
    const type = types.find((one) => one !== refusedChallenge) ?? types[0];
    const challenge = authorization.challenges.find((one) => typeOf(one) === type);
    const host = authorization.identifier.value;
    if (challenge === undefined || type === undefined) {
      throw new VhostError(
        'ERR_ACME_REFUSED',
        `the authority offers ${host} no challenge that vhostd answers`,
      );
    }
    const keyAuthorization = await client.getChallengeKeyAuthorization(challenge);
    const withdraw = await this.#responder.answer(type, { authorization, challenge, keyAuthorization });
    try {
      await client.completeChallenge(challenge);
      await client.waitForValidStatus(challenge);
    } catch (error) {
      if (error instanceof VhostError) throw error;
      throw refused(type, host, error);
    } finally {
      withdraw();
    }
  }
}

/** An authority limits orders under way, and a hundred hosts that are new would all be asked for at once. */
const ORDERS_MAX_COUNT = 4;

/** One for each name that is ordered (RFC 8555 7.1.3). */
const AUTHORIZATIONS_MAX_COUNT = 4;

/** The ways in which a host is shown to be here, the preferred one first. */
const TYPES = ['tls-alpn-01', 'http-01'] as const;

/** The types of acme-client do not name all that it knows. */
function typeOf({ type }: Challenge): string {
  return type;
}

function refused(type: string, host: string, cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `the authority could not see that ${host} is here (${type}): ${reason.slice(0, 1000)}`;
  return new VhostError('ERR_ACME_CHALLENGE', message, { info: { type, host }, cause });
}

function unexpected(cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError('ERR_ACME_REFUSED', `no certificate was issued: ${reason.slice(0, 1000)}`, { cause });
}

/** A folder for each authority: its host, and what tells it from others there. */
function folderOf(directory: string): string {
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  return `${new URL(directory).hostname}-${digest}`;
}
