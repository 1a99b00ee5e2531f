// The page of a site in maintenance: a file of the site's own, or a plain one with the operator's message.
import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { VhostError } from '@vhostd/protocol';
import type { MaintenancePage } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';

/**
 * The page as it is now.
 * @throws {VhostError} ERR_MAINTENANCE_PAGE: the conf's `maintenancePage` can't be read, is no regular file, is larger
 * than 512 KB or not in UTF-8.
 */
export async function readMaintenancePage(
  { siteId, maintenancePage }: Pick<SiteConf, 'siteId' | 'maintenancePage'>,
  message: string | undefined,
): Promise<MaintenancePage> {
  const retryAfterSeconds = RETRY_AFTER_S;
  if (maintenancePage === undefined)
    return { html: plainPage(message ?? DEFAULT_MESSAGE), retryAfterSeconds };
  try {
    return { html: await readPage(maintenancePage), retryAfterSeconds };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VhostError(
      'ERR_MAINTENANCE_PAGE',
      `site ${siteId}: its maintenance page ${maintenancePage} can't be used: ${reason}`,
      { info: { siteId, maintenancePage, reason }, cause },
    );
  }
}

async function readPage(file: string): Promise<string> {
  // Without it a named pipe would be waited for.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > MAX_BYTES) throw new Error(`it has ${stats.size} bytes; ${MAX_BYTES} are the limit`);
    const bytes = await handle.readFile();
    // It may have grown meanwhile.
    if (bytes.length > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    if (!isUtf8(bytes)) throw new Error('it is not in UTF-8');
    return bytes.toString();
  } finally {
    await handle.close();
  }
}

function plainPage(message: string): string {
  const text = escapeHtml(message);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>Maintenance</title>
<style>body{margin:20vh auto;max-width:40em;padding:0 1em;font:1.1em/1.5 sans-serif}p{white-space:pre-line}</style>
</head>
<body>
<h1>Maintenance</h1>
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
