// docs/metrics.md and the dashboard against the code: every metric, its type and its labels.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { tables } from './markdown.js';
import { readDoc, ROOT } from './sources.js';

interface Definition {
  type: string;
  labels: readonly string[];
}

void describe('docs/metrics.md', async () => {
  const { METRICS } = (await import(`${ROOT}packages/master/dist/metrics/definitions.js`)) as {
    METRICS: Record<string, Definition>;
  };
  const documented = tables(readDoc('docs/metrics.md')).flatMap(({ rows }) =>
    rows.filter(([name = '']) => name.startsWith('`vhostd_')),
  );

  void test('lists every metric with its type and labels, in order, and no other', () => {
    const inDocs = documented.map(([name = '', type = '', labels = '']) => [
      name.slice(1, -1),
      type,
      labels.replaceAll('`', ''),
    ]);
    const inCode = Object.entries(METRICS).map(([name, { type, labels }]) => [name, type, labels.join(', ')]);
    assert.deepEqual(inDocs, inCode);
  });

  void test('names follow the conventions: a counter ends in _total, a unit is a base unit', () => {
    for (const [name, { type }] of Object.entries(METRICS)) {
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      assert.doesNotMatch(name, /_(?:ms|milliseconds|kb|mb|percent)(?:_|$)/, name);
    }
  });

  void test('the dashboard asks for metrics and labels that there are', () => {
    const text = readFileSync(`${ROOT}examples/grafana-dashboard.json`, 'utf8');
    const expressions = [...text.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map(
      ([, expression = '']) => expression,
    );
    assert.ok(expressions.length > 8);
    for (const expression of expressions) {
      for (const [name] of expression.matchAll(/\bvhostd_\w+/g))
        assert.ok((METRICS[name] ?? METRICS[name.replace(/_(?:bucket|sum|count)$/, '')]) !== undefined, name);
    }
    assert.doesNotThrow(() => void JSON.parse(text));
    // Of each metric in an expression: what is matched, and by what it is summed.
    for (const expression of expressions) {
      const names = [...expression.matchAll(/\bvhostd_\w+/g)].map(([name]) => name);
      const known = names.flatMap((name) => [
        ...(METRICS[name]?.labels ?? [...(METRICS[name.replace(/_bucket$/, '')]?.labels ?? []), 'le']),
      ]);
      const matched = [...expression.matchAll(/\b(\w+)(?:=~?|!=|!~)\\"/g)].map(([, label]) => label);
      const summed = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(', '),
      );
      const unknown = [...matched, ...summed].filter((label) => !known.includes(label ?? ''));
      assert.deepEqual(unknown, [], expression);
    }
  });
});
