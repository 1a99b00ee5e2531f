// The page of a site in maintenance: a file of the site's own, or a plain one with the operator's message.
import { isUtf8 } from 'node:buffer';
import { VhostError } from '@vhostd/protocol';
import type { MaintenancePage } from '@vhostd/protocol';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { SiteConf } from '../conf/site-conf.js';
import { readSiteFile } from '../node/site-file.js';
import type { SiteUser } from '../node/site-file.js';

/** What a plain page says; with `refresh` it is shown in place of the site's own, and reloads itself each so many seconds. */
export interface PageWords {
  readonly message?: string | undefined;
  readonly title?: string | undefined;
  readonly refresh?: number | undefined;
}

/**
 * The page as it is now.
 * @throws {VhostError} ERR_MAINTENANCE_PAGE: the conf's `maintenancePage` can't be read, is no regular file, is one that
 * the user of the site could not read, is larger than 512 KB or not in UTF-8.
 */
export async function readMaintenancePage(
  { siteId, maintenancePage, runAs }: Pick<SiteConf, 'siteId' | 'maintenancePage' | 'runAs'>,
  words: PageWords,
): Promise<MaintenancePage> {
  const retryAfterSeconds = words.refresh ?? RETRY_AFTER_S;
  if (maintenancePage === undefined || words.refresh !== undefined)
    return { html: plainPage(words), retryAfterSeconds };
  try {
    return { html: await readPage(maintenancePage, foreignUserOf(runAs)), retryAfterSeconds };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VhostError(
      'ERR_MAINTENANCE_PAGE',
      `site ${siteId}: its maintenance page ${maintenancePage} can't be used: ${reason}`,
      { info: { siteId, maintenancePage, reason }, cause },
    );
  }
}

async function readPage(file: string, user: SiteUser | undefined): Promise<string> {
  const bytes = await readSiteFile(file, MAX_BYTES, user);
  if (!isUtf8(bytes)) throw new Error('it is not in UTF-8');
  return bytes.toString();
}

function plainPage({ message = DEFAULT_MESSAGE, title = 'Maintenance', refresh }: PageWords): string {
  const [heading, text] = [escapeHtml(title), escapeHtml(message)];
  const again = refresh === undefined ? '' : `\n<meta http-equiv="refresh" content="${refresh}">`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">${again}
<title>${heading}</title>
<style>body{margin:20vh auto;max-width:40em;padding:0 1em;font:1.1em/1.5 sans-serif}p{white-space:pre-line}</style>
</head>
<body>
<h1>${heading}</h1>
<p>${text}</p>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const DEFAULT_MESSAGE = 'This site is being worked on. Please try again in a few minutes.';
/** When a client may try again, s. */
const RETRY_AFTER_S = 60;
/** A page travels to each worker in one message, in which a character may take six bytes of at most 4 MiB. */
const MAX_BYTES = 524_288;

/** What the clients of a site are answered that an operator has stopped. */
export const STOPPED_PAGE: MaintenancePage = {
  html: plainPage({ title: 'Stopped', message: 'This site has been stopped. Please try again later.' }),
  retryAfterSeconds: RETRY_AFTER_S,
};
