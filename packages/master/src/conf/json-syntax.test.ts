import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findJsonFault } from './json-syntax.js';

void test('a fault is told with its line, its column and what should be there', () => {
  const faults: [text: string, line: number, column: number, reason: RegExp][] = [
    ['', 1, 1, /ends, but a value/],
    ['{\n  "a": 1,\n}', 3, 1, /"}" where a key in double quotes should be/],
    ['{\n  "a" 1\n}', 2, 7, /"1" where ':' should be/],
    ["{\n  'a': 1\n}", 2, 3, /where a key in double quotes or '}' should be/],
    ['{"a": 1\n "b": 2}', 2, 2, /where ',' or '}' should be/],
    ['[1 2]', 1, 4, /where ',' or ']' should be/],
    ['[1,]', 1, 4, /where a value should be/],
    ['{"a": tru }', 1, 7, /a word other than true, false and null/],
    ['{"a": 01 }', 1, 7, /a number that JSON does not allow/],
    ['{"a": "x\ny"}', 1, 7, /a string that is not closed/],
    ['{"a": "\\x"}', 1, 7, /a bad escape/],
    ['{} x', 1, 4, /where the end should be/],
    ['// no\n{}', 1, 1, /"\/" where a value should be/],
    ['{"a": [1, {"b": 2', 1, 18, /ends, but ',' or '}'/],
  ];
  for (const [text, line, column, reason] of faults) {
    const fault = findJsonFault(text);
    assert.deepEqual([fault?.line, fault?.column], [line, column], text);
    assert.match(fault?.reason ?? '', reason);
  }
});

void test('a text has a fault exactly if JSON.parse refuses it, whatever character is missing, doubled or other', () => {
  const text = '{"a":[1,-2.5e+3,0,"x\\n\\u00e9\\"",{}],\r\n\t"b":{"c":true,"d":[false,null,[]]},"€😀":""}';
  assert.equal(findJsonFault(text), undefined);
  const texts = Array.from(text).flatMap((_, index) => [
    text.slice(0, index),
    text.slice(index),
    text.slice(0, index) + text.slice(index + 1),
    ...[
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '0',
      '-',
      '.',
      'e',
      't',
      'u',
      ' ',
      '\n',
      '\0',
      '\u{7f}',
      '\u{a0}',
    ].flatMap((other) => [
      text.slice(0, index) + other + text.slice(index),
      text.slice(0, index) + other + text.slice(index + 1),
    ]),
  ]);
  for (const changed of texts) assert.equal(findJsonFault(changed) === undefined, isJson(changed), changed);
});

void test('a text that is nested very deeply is read without recursion', () => {
  const depth = 100_000;
  assert.equal(findJsonFault('['.repeat(depth) + ']'.repeat(depth)), undefined);
  assert.equal(findJsonFault('['.repeat(depth))?.column, depth + 1);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
