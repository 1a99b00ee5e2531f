import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseNginx } from './nginx-syntax.js';

void it('directives have words, blocks and lines; quotes, escapes, variables and comments are read as by nginx', () => {
  const text = `# a comment; with { marks }
user www; events {}
server { server_name "a b" 'c\\'d' e\\;f; # the end
  if ($x = "}") { return 301 https://\${host}/x; }
}`;
  assert.deepEqual(parseNginx(text, 'f'), [
    { name: 'user', args: ['www'], block: undefined, line: 2 },
    { name: 'events', args: [], block: [], line: 2 },
    {
      name: 'server',
      args: [],
      line: 3,
      block: [
        { name: 'server_name', args: ['a b', "c'd", 'e\\;f'], block: undefined, line: 3 },
        {
          name: 'if',
          args: ['($x', '=', '}', ')'],
          line: 4,
          block: [{ name: 'return', args: ['301', 'https://${host}/x'], block: undefined, line: 4 }],
        },
      ],
    },
  ]);
});

void it('what is no conf is refused, with its line', () => {
  for (const [text, message] of [
    ['server { listen 80', /^f:1: 'listen' does not end with ';'$/],
    ['server {\n listen 80;\n', /^f:3: a '}' is missing$/],
    ['a;\n}', /^f:2: there is one '}' too many$/],
    ['server {\n listen 80\n server_name a;\n}', /^f:2: ';' is missing behind 'listen 80'$/],
    ['server {\n server_name a\n b\n\n location / { }\n}', /^f:3: ';' is missing behind 'server_name a b'$/],
    ['a; ;', /^f:1: there is nothing before ';'$/],
    ['a "b', /^f:1: "\\"b" can't be read$|^f:1: 'a' does not end with ';'$/],
    ['a {'.repeat(40), /^f:1: blocks are nested more than 32 deep$/],
  ] as const) {
    assert.throws(() => parseNginx(text, 'f'), { code: 'ERR_IMPORT_SYNTAX', message });
  }
});
