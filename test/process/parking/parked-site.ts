// The ledger site behind a master, and what these tests do with it again and again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SiteStatus } from '@vhostd/protocol';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import type { Answer } from '../../kit/wire-client.js';
import type { LedgerAnswer } from './ledger.site.js';

export const HOST = 'a.test';
/** In each site's own directory, which is that of the vhostd. */
export const LEDGER = 'ledger.txt';
export const FAIL_FILE = 'fail';

/** The ledger site `a`; one worker unless the options say otherwise. */
export function ledgerSite(options: Partial<SiteOptions> = {}): SiteOptions {
  const { env, ...rest } = options as Partial<SiteOptions> & { env?: Record<string, string> };
  return {
    siteId: 'a',
    workerFile: siteFile('ledger', import.meta.url),
    drainTimeout: '30s',
    workerOptions: { env: { LEDGER, FAIL_FILE, ...env } },
    ...rest,
  };
}

/** An echo site `b` that nothing is done to. */
export const OTHER_SITE: SiteOptions = { siteId: 'b' };

export function startSites(t: TestContext, sites: SiteOptions[]): Promise<LoneMaster> {
  return startVhostd(t, { sites });
}

/** A connection whose answers may be held for longer than a test's other waits take. */
export function openPatiently(port: number): Promise<WireClient> {
  return WireClient.open(port, { limitMs: LIMIT_MS });
}

/** A GET, on a connection that is kept. */
export function send(client: WireClient, path = '/'): void {
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
}

/** Opens connections that each send a GET; one after the other has been accepted. */
export async function openAll(port: number, count: number): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  for (let index = 0; index < count; index += 1) {
    const client = await openPatiently(port);
    send(client);
    clients.push(client);
  }
  return clients;
}

/** What the ledger site answered. */
export function ledgerOf({ status, body }: Answer): LedgerAnswer {
  assert.equal(status, 200, body.toString());
  return JSON.parse(body.toString()) as LedgerAnswer;
}

/** Reads the answer to a GET on each, then closes them. */
export async function readAll(clients: readonly WireClient[]): Promise<LedgerAnswer[]> {
  const answers: LedgerAnswer[] = [];
  for (const client of clients) {
    answers.push(ledgerOf(await client.answer()));
    client.close();
  }
  return answers;
}

/** Sends a GET and reads what the ledger site answers. */
export async function ask(client: WireClient): Promise<LedgerAnswer> {
  send(client);
  return ledgerOf(await client.answer());
}

/** How often workers of site `a` have booted, and how often one has run its `stopped`. */
export function ledgerCounts(vhostd: LoneMaster): { boots: number; ends: number } {
  let text = '';
  try {
    text = readFileSync(join(vhostd.dir, LEDGER), 'utf8');
  } catch {
    // No worker was started yet.
  }
  const count = (what: string): number => text.split('\n').filter((line) => line.startsWith(what)).length;
  return { boots: count('boot'), ends: count('end') };
}

/** Waits until site `a` is as wanted. */
export async function untilSite(
  vhostd: LoneMaster,
  what: string,
  wanted: (site: SiteStatus) => boolean,
): Promise<void> {
  await vhostd.until(
    what,
    ({ sites }) => sites.some((site) => site.siteId === 'a' && wanted(site)),
    LIMIT_MS,
  );
}

/** Only a hang takes so long, ms. */
export const LIMIT_MS = 180_000;
