import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { JSON_SCHEMA_URL, renderJsonSchema } from './json-schema.js';

void test('conf.schema.json is what the code makes of its schema', () => {
  const shipped: unknown = JSON.parse(readFileSync(JSON_SCHEMA_URL, 'utf8'));
  const rendered: unknown = JSON.parse(renderJsonSchema());
  assert.deepEqual(shipped, rendered, 'run: node packages/master/dist/conf/json-schema.js, then prettier');
});

void test('every field of the JSON Schema has a description, and no object takes unknown keys', () => {
  let objectCount = 0;
  JSON.parse(renderJsonSchema(), (key: string, node: unknown) => {
    if (typeof node !== 'object' || node === null) return node;
    if (key === 'properties') {
      for (const [name, property] of Object.entries(node)) {
        assert.ok(typeof property === 'object' && property !== null && 'description' in property, name);
      }
    } else if ('properties' in node) {
      objectCount += 1;
      assert.ok('additionalProperties' in node && node.additionalProperties === false, key);
    }
    return node;
  });
  // The conf, log, limits, those per address, site, listen entry, workerOptions, two kinds of secret, cron, fleet, allow,
  // a site's limits and permissions, balance, restart, metrics, its otlp, acme and its eab.
  assert.equal(objectCount, 22);
});
