// A real Chromium, of this machine, for what only a browser shows.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import { atEnd } from './at-end.js';
import { within } from './until.js';

const FILE = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
  .find((file) => existsSync(file));

/** For a test's options: why it can't be run here, or false. */
export const browserSkip: string | false =
  FILE === undefined ? 'Chromium is not installed: apt-get install chromium' : false;

/** The end of the test ends it. */
export async function startBrowser(t: TestContext): Promise<Browser> {
  // Its sandbox does not run as root. What it shows here is ours.
  const launched = chromium.launch({
    executablePath: FILE ?? '',
    chromiumSandbox: false,
    args: ['--disable-gpu'],
  });
  const browser = await within('the start of Chromium', LIMIT_MS, launched);
  atEnd(t, () => browser.close());
  return browser;
}

/** What only a hang exceeds. */
const LIMIT_MS = 120_000;
