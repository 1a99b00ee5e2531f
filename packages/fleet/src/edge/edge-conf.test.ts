import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadEdgeConf } from './edge-conf.js';

const ENDPOINTS = ['http://10.0.0.1:2379'];

void test('a conf of an edge has paths relative to its file, and defaults', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-edge-conf-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'edge.json');
  writeFileSync(file, JSON.stringify({ endpoints: ENDPOINTS, dir: 'state' }));
  const conf = loadEdgeConf(file);
  assert.equal(conf.dir, join(dir, 'state'));
  assert.equal(conf.masterSocket, join(dir, 'state/master.sock'));
  assert.deepEqual([conf.http, conf.https, conf.prefix], [[':80'], [':443'], '/vhostd/v1']);
  for (const [written, message] of [
    ['{', /edge\.json: /],
    [JSON.stringify({}), /endpoints: a list of URLs, at least one/],
    [JSON.stringify({ endpoints: [] }), /endpoints: a list of URLs, at least one/],
    ['[]', /the conf: /],
    [JSON.stringify({ endpoints: ENDPOINTS, htp: [] }), /htp/],
    [JSON.stringify({ endpoints: ENDPOINTS, http: [':80 ssl crt x'] }), /http\[0\]: an address/],
    [JSON.stringify({ endpoints: ENDPOINTS, https: [':99999'] }), /https\[0\]: an address/],
    [JSON.stringify({ endpoints: ['http://:80'] }), /endpoints\[0\]: a URL/],
    [JSON.stringify({ endpoints: ENDPOINTS, dir: 'a b' }), /letters, digits/],
  ] as const) {
    writeFileSync(file, written);
    assert.throws(() => loadEdgeConf(file), { code: 'ERR_FLEET_CONF', message });
  }
});
