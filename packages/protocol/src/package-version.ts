// The version of a package, as its package.json tells it.
import { readFileSync } from 'node:fs';

/** Of the package in whose source or build folder the module at this URL lies, for instance `1.2.3`. */
export function packageVersion(moduleUrl: string): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', moduleUrl), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest && manifest.version;
  return typeof version === 'string' ? version : 'unknown';
}
