// The directory in which a command was typed.
import { statSync } from 'node:fs';
import path from 'node:path';

/**
 * Absolute. As the shell names it, so that a symbolic link in it, such as `current` of a release, is followed anew when
 * the release has changed: process.cwd() has links resolved.
 */
export function workingDirectory(
  actual: string = process.cwd(),
  named: string | undefined = process.env['PWD'],
): string {
  if (named === undefined || !path.isAbsolute(named)) return actual;
  try {
    const [one, other] = [statSync(actual), statSync(named)];
    return one.dev === other.dev && one.ino === other.ino ? path.resolve(named) : actual;
  } catch {
    return actual;
  }
}
