// docs/refusals.md describes exactly the reasons with which the master refuses a connection, and a worker a request,
// each with its status.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readDoc, ROOT } from './sources.js';

const SOURCE = 'packages/master/src/peek/refusal-reason.ts';
const SHARED_SOURCE = 'packages/protocol/src/messages/worker-refusals.ts';

/** The reasons in a table of the sources, each with its status. */
function reasonsIn(source: string, name: string): string[] {
  const table = new RegExp(`${name}[^{]*\\{([^}]*)\\}`).exec(readFileSync(ROOT + source, 'utf8'))?.[1] ?? '';
  return [...table.matchAll(/'?([\w.-]+)'?: (\d{3}),/g)].map(([, reason, status]) => `${reason} ${status}`);
}

void test('every reason of a refusal is described with its status, and every reason described is in the sources', () => {
  const ofMaster = reasonsIn(SOURCE, 'REFUSAL_STATUSES');
  const ofBoth = reasonsIn(SHARED_SOURCE, 'REQUEST_REFUSALS');
  const ofWorkers = reasonsIn(SHARED_SOURCE, 'WORKER_REFUSALS');
  assert.ok(ofMaster.length > 30 && ofBoth.length > 20 && ofWorkers.length > 0, 'the tables are found');
  const inSource = [...ofMaster, ...ofBoth, ...ofWorkers];
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
