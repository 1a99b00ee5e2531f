// The account at an authority: made once, kept beside its certificates.
import { join } from 'node:path';
import acme from 'acme-client';
import type { AcmeSettings } from '@vhostd/protocol';
import { readWhole, VhostError, writeWhole } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import { locked } from '../files/lock.js';

const kept = z.object({ key: z.string(), url: z.string().exactOptional() });

/**
 * A client with the account of a directory, which is made where there is none.
 * @throws {VhostError} ERR_ACME_TERMS, ERR_ACME_…, ERR_LOCK_FAILED.
 */
export async function openAccount(directory: string, settings: AcmeSettings): Promise<acme.Client> {
  if (!settings.agree) {
    throw new VhostError(
      'ERR_ACME_TERMS',
      'the terms of the authority are not agreed to: "acme": { "agree": true }',
    );
  }
  const opened = await locked(join(directory, 'account.lock'), () => open(directory, settings), {
    retries: 600,
  });
  if (opened === undefined)
    throw new VhostError('ERR_LOCK_FAILED', 'another process has been making the account');
  return opened.value;
}

/** The authority does not know the account any more: the next one has the same key. */
export function forgetAccount(directory: string): void {
  const file = join(directory, ACCOUNT_FILE);
  const text = readWhole(file);
  if (text === undefined) return;
  const { key } = kept.parse(JSON.parse(text));
  writeWhole(file, JSON.stringify({ key }));
}

async function open(directory: string, settings: AcmeSettings): Promise<acme.Client> {
  const file = join(directory, ACCOUNT_FILE);
  const text = readWhole(file);
  const known = text === undefined ? undefined : kept.parse(JSON.parse(text));
  // Before it is used: should this process end now, the account is found again by its key.
  const key = known?.key ?? (await acme.crypto.createPrivateEcdsaKey()).toString();
  if (known === undefined) writeWhole(file, JSON.stringify({ key }));
  const client = new acme.Client({
    directoryUrl: settings.directory,
    accountKey: key,
    ...(known?.url === undefined ? {} : { accountUrl: known.url }),
    ...(settings.eab === undefined
      ? {}
      : { externalAccountBinding: { kid: settings.eab.kid, hmacKey: settings.eab.key } }),
    ...POLLING,
  });
  if (known?.url !== undefined) return client;
  await client.createAccount({
    termsOfServiceAgreed: true,
    ...(settings.email === undefined ? {} : { contact: [`mailto:${settings.email}`] }),
  });
  writeWhole(file, JSON.stringify({ key, url: client.getAccountUrl() }));
  return client;
}

const ACCOUNT_FILE = 'account.json';
/** How it waits for an authority that works: 15 times, after 0.5 s, 1 s, 2 s … 10 s. */
const POLLING = { backoffAttempts: 15, backoffMin: 500, backoffMax: 10_000 };
