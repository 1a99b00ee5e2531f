// Where the documents lie, and the sources that they are held against.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository, with a slash at its end. */
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));

/** The text of a file, by its path from the root. */
export function readDoc(path: string): string {
  return readFileSync(ROOT + path, 'utf8');
}

/** Every TypeScript source of the packages that ships: no tests, no kits, no fixtures. */
export function sourceFiles(): string[] {
  return readdirSync(`${ROOT}packages`).flatMap((name) => {
    const folder = `${ROOT}packages/${name}/src`;
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.includes('.test.') && !file.includes('fixtures/'))
      .map((file) => `${folder}/${file}`);
  });
}
