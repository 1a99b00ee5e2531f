import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

void test('what a site loads has no schema library in it', () => {
  const files = new Set<string>();
  const packages = new Set<string>();
  for (const entry of ['index.js', 'preload.js']) {
    walk(fileURLToPath(new URL(entry, import.meta.url)), files, packages);
  }
  assert.ok([...files].some((file) => file.endsWith('protocol/dist/errors.js')));
  assert.deepEqual(
    [...packages].filter((name) => name === 'zod' || name === '@vhostd/protocol/schemas'),
    [],
  );
  assert.deepEqual(
    [...files].filter((file) => file.includes('/schemas/')),
    [],
  );
});

/** Adds a file of ours and all that it imports. */
function walk(file: string, files: Set<string>, packages: Set<string>): void {
  if (files.has(file)) return;
  files.add(file);
  for (const [, named, called = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    const name = named ?? called;
    if (!name.startsWith('.')) packages.add(name);
    if (name.startsWith('.') || name.startsWith('@vhostd/')) {
      walk(createRequire(file).resolve(name), files, packages);
    }
  }
}

/** An import as the compiler writes it: one line each. */
const IMPORT = /^(?:import|export)\b(?:.* from)? '([^']+)';|\bimport\('([^']+)'\)/gmu;
