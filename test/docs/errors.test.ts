// docs/errors.md describes exactly the codes of the union `ErrorCode`, and the sources use each of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readDoc, sourceFiles } from './sources.js';

/** Codes of Node's own that sources or their comments mention. */
const OF_NODE = new Set([
  'ERR_ACCESS_DENIED',
  'ERR_HTTP_REQUEST_TIMEOUT',
  'ERR_MODULE_NOT_FOUND',
  'ERR_SERVER_ALREADY_LISTEN',
  'ERR_UNKNOWN_FILE_EXTENSION',
]);
/** A whole code; `ERR_CONF_*`, `ERR_RUN_DIR_…` and what `startsWith` asks for are families. */
const CODE = /\bERR_[A-Z0-9]+(?:_[A-Z0-9]+)*(?![A-Z0-9_])/g;

void test('every code of the sources is described, and every code described is in the sources', () => {
  const files = sourceFiles().filter((file) => !file.endsWith('/error-codes.ts'));
  const inSources = new Set(files.flatMap((file) => codesIn(readFileSync(file, 'utf8'))));
  const described = rows();
  const undescribed = [...inSources].filter((code) => !OF_NODE.has(code) && !described.includes(code));
  assert.deepEqual(undescribed, [], 'in packages/*/src and not in docs/errors.md');
  const gone = described.filter((code) => !inSources.has(code));
  assert.deepEqual(gone, [], 'in docs/errors.md and not in packages/*/src');
  for (const code of OF_NODE) assert.ok(inSources.has(code), `${code} need not be excepted any more`);
});

void test('no code is described twice, and each row says what it means, why, and what to do', () => {
  const described = rows();
  assert.ok(described.length > 50, 'the tables are found');
  assert.deepEqual(
    described.filter((code, index) => described.indexOf(code) !== index),
    [],
  );
  for (const line of tableLines()) {
    const cells = line.split('|').slice(1, -1);
    assert.equal(cells.length, 4, line);
    for (const cell of cells) assert.notEqual(cell.trim(), '', line);
  }
});

function tableLines(): string[] {
  return readDoc('docs/errors.md')
    .split('\n')
    .filter((line) => line.startsWith('| `ERR_'));
}

function rows(): string[] {
  return tableLines().map((line) => /^\| `([A-Z0-9_]+)`/.exec(line)?.[1] ?? line);
}

function codesIn(text: string): string[] {
  return text.replace(/startsWith\('ERR_\w+'\)/g, '').match(CODE) ?? [];
}
