// Finds the first error in a JSON text. JSON.parse says where only for some errors and only on some versions of
// Node, and quotes the text, which may hold a passphrase.

/** Where a JSON text is wrong, and how. */
export interface JsonFault {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly reason: string;
}

/** The first fault of a text that `JSON.parse` refuses (RFC 8259); undefined if there is none. */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let offset = 0;
  for (;;) {
    offset = skip(/[ \t\r\n]*/y, text, offset);
    if (offset === text.length) {
      if (expected === 'end') return undefined;
      return fault(text, offset, `the text ends, but ${EXPECTED[expected]} should follow`);
    }
    const next = text.charAt(offset);
    const step: Step | string = stepOf(next, expected, open);
    if (typeof step === 'string')
      return fault(text, offset, `${JSON.stringify(next)} where ${step} should be`);
    const end = step.token === undefined ? offset + 1 : skip(step.token, text, offset);
    if (end === offset) return fault(text, offset, brokenToken(next));
    offset = end;
    expected = step.follows;
  }
}

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or }' | ', or ]' | 'end';

interface Step {
  /** What matches the token; a single character if undefined. */
  token?: RegExp;
  follows: Expected;
}

const EXPECTED: Readonly<Record<Expected, string>> = {
  value: 'a value',
  'value or ]': "a value or ']'",
  key: 'a key in double quotes',
  'key or }': "a key in double quotes or '}'",
  ':': "':'",
  ', or }': "',' or '}'",
  ', or ]': "',' or ']'",
  end: 'the end',
};

// Everything from the space on, but for the quote and the backslash, or an escape.
const STRING = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y;
const WORD = /(?:true|false|null)(?!\w)/y;

/** The step that `next` begins, or what should be in its place. Keeps `open`, the brackets around it. */
function stepOf(next: string, expected: Expected, open: ('{' | '[')[]): Step | string {
  switch (expected) {
    case 'value':
    case 'value or ]':
      if (next === ']' && expected === 'value or ]') return close(open);
      return valueStep(next, open) ?? EXPECTED[expected];
    case 'key':
    case 'key or }':
      if (next === '}' && expected === 'key or }') return close(open);
      return next === '"' ? { token: STRING, follows: ':' } : EXPECTED[expected];
    case ':':
      return next === ':' ? { follows: 'value' } : EXPECTED[expected];
    case ', or }':
      if (next === '}') return close(open);
      return next === ',' ? { follows: 'key' } : EXPECTED[expected];
    case ', or ]':
      if (next === ']') return close(open);
      return next === ',' ? { follows: 'value' } : EXPECTED[expected];
    case 'end':
      break;
  }
  return EXPECTED[expected];
}

function valueStep(next: string, open: ('{' | '[')[]): Step | undefined {
  if (next === '{' || next === '[') {
    open.push(next);
    return { follows: next === '{' ? 'key or }' : 'value or ]' };
  }
  if (next === '"') return { token: STRING, follows: afterValue(open) };
  if (/[-\d]/.test(next)) return { token: NUMBER, follows: afterValue(open) };
  return /[tfn]/.test(next) ? { token: WORD, follows: afterValue(open) } : undefined;
}

function close(open: ('{' | '[')[]): Step {
  open.pop();
  return { follows: afterValue(open) };
}

function afterValue(open: readonly ('{' | '[')[]): Expected {
  const around = open.at(-1);
  if (around === undefined) return 'end';
  return around === '{' ? ', or }' : ', or ]';
}

function brokenToken(first: string): string {
  if (first === '"') return 'a string that is not closed, or has a raw control character or a bad escape';
  return /[-\d]/.test(first) ? 'a number that JSON does not allow' : 'a word other than true, false and null';
}

function skip(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.test(text) ? pattern.lastIndex : offset;
}

function fault(text: string, offset: number, reason: string): JsonFault {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1, reason };
}
