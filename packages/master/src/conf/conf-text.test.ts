import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { importParser, parseConfText } from './conf-text.js';
import type { TextFormat } from './conf-text.js';

const SECRET = 'correct horse';

test('what is wrong in a text is told with its line and column, and the text is never quoted', async () => {
  const cases: [format: TextFormat, text: string, line: number, column: number, reason: RegExp][] = [
    ['json', `{\n  // "x\n  "a": /* y */ 1,\n  b\n}`, 4, 3, /a key in double quotes/],
    ['json', `{ "passphrase": "${SECRET}", /* `, 1, 34, /a key in double quotes/],
    ['json', '[1,,2]', 1, 4, /where a value should be/],
    ['yaml', `sites:\n  - path: a\n passphrase: ${SECRET}\n`, 3, 1, /^it is no YAML: /],
    ['yaml', `a: *${SECRET.replace(' ', '')}\n`, 1, 1, /^it is no YAML: /],
    ['toml', `a = 1\npassphrase = ${SECRET}\n`, 2, 14, /^it is no TOML: /],
  ];
  for (const [format, text, line, column, reason] of cases) {
    const error = await refusalOf(format, text);
    assert.equal(error.code, 'ERR_CONF_SYNTAX', text);
    const told = error.info as { line: number; column: number; reason: string };
    assert.deepEqual([told.line, told.column], [line, column], `${text}: ${error.message}`);
    assert.match(told.reason, reason);
    assert.ok(error.message.startsWith(`/srv/conf:${line}:${column}: `), error.message);
    assert.ok(!error.message.includes('horse'), error.message);
  }
});

test('an alias that multiplies is not followed for ever', async () => {
  const lines = Array.from(
    { length: 30 },
    (_, at) => `a${at}: &a${at} [${`*a${at - 1}, `.repeat(at && 9)}1]`,
  );
  await assert.rejects(parseConfText('yaml', '/srv/conf', lines.join('\n')), { code: 'ERR_CONF_SYNTAX' });
});

test('a parser is found beside the conf file; one that is not installed is named', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-parser-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'vhostd.config.yaml');
  await assert.rejects(importParser('vhostd-test-parser', file), {
    code: 'ERR_CONF_FORMAT',
    message: `${file}: the package vhostd-test-parser, which reads such files, is not installed; npm install vhostd-test-parser`,
  });
  const beside = path.join(directory, 'node_modules/vhostd-test-parser');
  mkdirSync(beside, { recursive: true });
  writeFileSync(path.join(beside, 'index.js'), 'exports.parse = () => 1;');
  assert.equal((await importParser('vhostd-test-parser', file)).parse(), 1);
});

async function refusalOf(format: TextFormat, text: string): Promise<VhostError> {
  try {
    await parseConfText(format, '/srv/conf', text);
  } catch (error) {
    if (error instanceof VhostError) return error;
    throw error;
  }
  return assert.fail(`accepted: ${text}`);
}
