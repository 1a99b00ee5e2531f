// docs/refusals.md describes exactly the reasons with which the master refuses a connection, each with its status.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readDoc, ROOT } from './sources.js';

const SOURCE = 'packages/master/src/peek/refusal-reason.ts';

void test('every reason of a refusal is described with its status, and every reason described is in the sources', () => {
  const table = /REFUSAL_STATUSES[^{]*\{([^}]*)\}/.exec(readFileSync(ROOT + SOURCE, 'utf8'))?.[1] ?? '';
  const inSource = [...table.matchAll(/'?([\w.-]+)'?: (\d{3}),/g)].map(
    ([, reason, status]) => `${reason} ${status}`,
  );
  assert.ok(inSource.length > 50, 'the table is found');
  const described = [...readDoc('docs/refusals.md').matchAll(/^\| `([^`]+)` +\| (\d{3}) +\|/gm)];
  assert.deepEqual(
    described.map(([, reason, status]) => `${reason} ${status}`).toSorted(),
    inSource.toSorted(),
  );
});

void test('every reason that the text names is one that is described', () => {
  const text = readDoc('docs/refusals.md');
  const described = new Set([...text.matchAll(/^\| `([^`]+)` +\| \d{3} /gm)].map(([, reason]) => reason));
  const comparison = text.slice(text.indexOf('## Beyond'), text.indexOf('## What is served'));
  const named = [...comparison.matchAll(/^\| [^|]+\| ([^|]+)\|/gm)]
    .flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)])
    .map(([, reason]) => reason);
  assert.ok(named.length > 10, 'the comparison is found');
  for (const reason of named) assert.ok(described.has(reason), reason);
});
