import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

void test('what a site loads has no schema library in it', () => {
  const files = new Set<string>();
  for (const entry of ['@vhostd/worker', '@vhostd/worker/preload']) {
    walk(fileURLToPath(import.meta.resolve(entry)), files);
  }
  const names = [...files];
  assert.ok(names.some((file) => file.endsWith('protocol/bundle/index.js')));
  assert.deepEqual(
    names.filter((file) => readFileSync(file, 'utf8').includes(SCHEMA_LIBRARY)),
    [],
  );
  const schemas = fileURLToPath(import.meta.resolve('@vhostd/protocol/schemas'));
  assert.ok(readFileSync(schemas, 'utf8').includes(SCHEMA_LIBRARY), 'its bundle is known by this name');
});

/** Adds a file and all of ours that it imports. */
function walk(file: string, files: Set<string>): void {
  if (files.has(file)) return;
  files.add(file);
  for (const [, named, called = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    const name = named ?? called;
    if (name.startsWith('.') || name.startsWith('@vhostd/') || name === 'zod') {
      walk(createRequire(file).resolve(name), files);
    }
  }
}

/** An import as the compiler and the bundler write it: one line each. */
const IMPORT = /^(?:import|export)\b(?:.* from)? ["']([^"']+)["'];|\bimport\(["']([^"']+)["']\)/gmu;

/** A name that is in each build of the library. */
const SCHEMA_LIBRARY = 'ZodObject';
