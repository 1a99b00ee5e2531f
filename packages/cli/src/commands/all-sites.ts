// `all` in place of a siteId, as PM2 has it: an order for each site, one after the other.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { SiteStatus } from '@vhostd/protocol';
import { describeError, printError } from '../errors.js';
import { clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

/** Every site, where `name` is `all` and no site is named so; else undefined. */
export async function allMeant(
  options: ClientOptions,
  name: string,
): Promise<readonly SiteStatus[] | undefined> {
  if (name !== ALL) return undefined;
  const { sites } = await clientOf(options).status();
  return sites.some(({ siteId }) => siteId === ALL) ? undefined : sites;
}

/** The name of the site that is meant; undefined: all of them, by no name or as `all`. */
export async function oneOrAll(
  options: ClientOptions,
  name: string | undefined,
): Promise<string | undefined> {
  return name === undefined || (await allMeant(options, name)) === undefined ? name : undefined;
}

/** Carries an order out for each of these sites; one that fails holds up no other. With `--json` prints `{ sites }`. */
export async function orderEach<T extends object>(
  options: ClientOptions,
  siteIds: readonly string[],
  order: (siteId: string) => Promise<T>,
  words: (result: T) => string,
  none: string,
): Promise<number> {
  const results: object[] = [];
  let failed = false;
  for (const siteId of siteIds) {
    try {
      const result = await order(siteId);
      results.push(result);
      if (options.json !== true) printOutcome(options, result, () => [words(result)]);
    } catch (error) {
      failed = true;
      results.push({ siteId, error: describeError(error) });
      printError(error, options);
    }
  }
  if (options.json === true || siteIds.length === 0) printOutcome(options, { sites: results }, () => [none]);
  return failed ? EXIT_CODES.failed : EXIT_CODES.ok;
}

const ALL = 'all';
