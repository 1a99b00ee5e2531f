import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PRELOAD = fileURLToPath(import.meta.resolve('@vhostd/worker/preload'));

void test('what a site loads has no schema library in it, and names no other package of ours', () => {
  const bundle = new URL('.', import.meta.resolve('@vhostd/worker'));
  const texts = readdirSync(bundle).map((name) => ({
    name,
    text: readFileSync(new URL(name, bundle), 'utf8'),
  }));
  assert.ok(texts.some(({ name }) => name === 'preload.cjs'));
  for (const { name, text } of texts) {
    assert.doesNotMatch(text, SCHEMA_LIBRARY, name);
    assert.doesNotMatch(text, /(?:require|import)\("@vhostd/, name);
  }
  const schemas = fileURLToPath(import.meta.resolve('@vhostd/protocol/schemas'));
  assert.match(readFileSync(schemas, 'utf8'), SCHEMA_LIBRARY, 'its bundle is known by this name');
});

void test('of the modules of Node, those that take long to load are loaded when they are needed', () => {
  const preloaded = new Set(loadedWith('--require', PRELOAD));
  const bare = loadedWith();
  const names = bare.filter((name) => !preloaded.has(name));
  assert.deepEqual(names, [], 'the list is whole');
  assert.deepEqual(
    HEAVY.filter((name) => preloaded.has(`NativeModule ${name}`)),
    [],
  );
});

/** What a process has of Node's own that serves HTTP, started with these options. */
function loadedWith(...options: string[]): string[] {
  const script = "require('node:http'); console.log(JSON.stringify(process.moduleLoadList))";
  const list: unknown = JSON.parse(
    execFileSync(process.execPath, [...options, '-e', script], { encoding: 'utf8' }),
  );
  assert.ok(Array.isArray(list));
  return list.map(String);
}

/** A name that is in each build of the library. */
const SCHEMA_LIBRARY = /ZodObject/;

const HEAVY = [
  'crypto',
  'dns/promises',
  'http2',
  'internal/crypto/keys',
  'os',
  'readline',
  'timers/promises',
  'worker_threads',
];
