// Tables of the documents are read at a glance: what takes more than a few words stands below them.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { shown, tables } from './markdown.js';
import { readDoc, ROOT } from './sources.js';

const CELL_MAX_LENGTH = 60;
const DOCUMENTS = readdirSync(`${ROOT}docs`).map((name) => `docs/${name}`);

for (const document of DOCUMENTS) {
  void test(`no cell of a table in ${document} has more than ${CELL_MAX_LENGTH} characters`, () => {
    const long = cellsOf(readDoc(document)).filter((cell) => shown(cell).length > CELL_MAX_LENGTH);
    const told = long.map((cell) => `${document}: ${shown(cell).length} characters: ${cell}`);
    assert.ok(told.length === 0, told.join('\n'));
  });
}

void test('a cell is counted as a reader sees it', () => {
  assert.equal(shown('[`sites[].allow`](configuration.md#sitesallow) and [a](b.md)'), 'sites[].allow and a');
  const [, cell = ''] = cellsOf('| a |\n| - |\n| `b\\|c` |\n');
  assert.equal(shown(cell), 'b|c');
});

void test('the tables of the documents are found', () => {
  const found = DOCUMENTS.filter((document) => cellsOf(readDoc(document)).length > 0);
  assert.ok(found.length > 20, found.join());
});

function cellsOf(markdown: string): string[] {
  return tables(markdown).flatMap(({ head, rows }) => [head, ...rows].flat());
}
