// The version of this package, as its package.json tells it.
import { readFileSync } from 'node:fs';

/** For instance `1.2.3`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const found: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined;
  return typeof found === 'string' ? found : 'unknown';
}
