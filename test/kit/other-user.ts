// A user that no account of the machine has, for sites that run as another one; only root can start them.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.js';

/** User id and group id. */
export const OTHER_USER = 65_501;

/** For a test's options: why it can't be run here, or false. */
export const otherUserSkip: string | false = whyNot();

/** A directory of root that everybody may enter, and one of the other user in it. They end with the test. */
export function placesOf(t: TestContext): { ours: string; theirs: string } {
  const ours = realpathSync(mkdtempSync(join(tmpdir(), 'vhostd-places-')));
  // What still runs may make a log in it.
  atEnd(t, () => rmSync(ours, { recursive: true, force: true, maxRetries: 20 }));
  chmodSync(ours, 0o755);
  const theirs = join(ours, 'theirs');
  mkdirSync(theirs);
  give(theirs);
  return { ours, theirs };
}

/** Makes the other user the owner. */
export function give(path: string): void {
  chownSync(path, OTHER_USER, OTHER_USER);
}

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to run a site as another user';
  for (let path = fileURLToPath(import.meta.url); path !== '/'; path = dirname(path)) {
    if ((statSync(path).mode & 0o005) === 0) return `needs ${path} to be readable for other users`;
  }
  return false;
}
