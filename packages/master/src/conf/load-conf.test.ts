import { VhostError } from '@vhostd/protocol';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConf } from './load-conf.js';

const directory = mkdtempSync(join(tmpdir(), 'vhostd-load-'));
mkdirSync(join(directory, 'shop'));
mkdirSync(join(directory, 'esm'));
writeFileSync(join(directory, 'package.json'), '{"type":"commonjs"}');
writeFileSync(join(directory, 'esm/package.json'), '{"type":"module"}');
after(() => rmSync(directory, { recursive: true }));

// Undefined before 22.10, false unless asked for before 22.18.
const typescript = Boolean(Reflect.get(process.features, 'typescript'));

void test('a JSON file is read, its paths relative to it', async () => {
  const conf = await loadConf(write('good.json', '{"sites":[{"path":"shop"}],"log":{"file":"m.log"}}'));
  assert.equal(conf.sites[0]?.path, join(directory, 'shop'));
  assert.equal(conf.log.file, join(directory, 'm.log'));
});

void test('JSON may have comments and commas before a bracket', async () => {
  const text = `{
    // where it is
    "sites": [{ "path": "shop", "listen": [{ "host": "a.test", "port": 80, },], /* one */ },],
  }`;
  const conf = await loadConf(write('comments.json', text));
  assert.equal(conf.sites[0]?.listen[0]?.host, 'a.test');
});

void test('YAML and TOML are read by the packages for them', async () => {
  for (const name of ['conf.yaml', 'conf.yml']) {
    const conf = await loadConf(write(name, 'sites:\n  - path: shop # here\n    cpuLen: 2\n'));
    assert.equal(conf.sites[0]?.cpuLen, 2);
  }
  const conf = await loadConf(write('conf.toml', '[[sites]]\npath = "shop" # here\ncpuLen = 3\n'));
  assert.equal(conf.sites[0]?.cpuLen, 3);
});

void test('a byte order mark and an extension in capitals do no harm', async () => {
  const conf = await loadConf(write('bom.JSON', '\u{feff}{"sites":[{"path":"shop"}]}'));
  assert.equal(conf.sites.length, 1);
});

void test('a module of any kind is read afresh at each call', async () => {
  const files: [name: string, exported: string][] = [
    ['fresh.mjs', 'export default'],
    ['esm/fresh.js', 'export default'],
    ['fresh.cjs', 'module.exports ='],
    ['fresh.js', 'module.exports ='],
    ['with #%? space.mjs', 'export default'],
    ['with #%? space.cjs', 'module.exports ='],
  ];
  for (const [name, exported] of files) {
    for (const backlog of [1, 2, 3]) {
      const text = `${exported} { sites: [{ path: '${directory}/shop' }], backlog: ${backlog} };`;
      const conf = await loadConf(write(name, text));
      assert.equal(conf.backlog, backlog, name);
    }
  }
});

void test('a CommonJS module behind a symbolic link is read afresh, too', async () => {
  symlinkSync(join(directory, 'linked.cjs'), join(directory, 'link.cjs'));
  for (const backlog of [1, 2]) {
    write('linked.cjs', `module.exports = { sites: [{ path: 'shop' }], backlog: ${backlog} };`);
    assert.equal((await loadConf(join(directory, 'link.cjs'))).backlog, backlog);
  }
});

void test('a module that was wrong is read once it is right', async () => {
  for (const name of ['mended.mjs', 'mended.cjs']) {
    assert.equal((await refusal(write(name, 'this is wrong'))).code, 'ERR_CONF_SYNTAX');
    const exported = name.endsWith('.mjs') ? 'export default' : 'module.exports =';
    const conf = await loadConf(write(name, `${exported} { sites: [{ path: 'shop' }] };`));
    assert.equal(conf.sites.length, 1, name);
  }
});

void test('a relative file name is relative to the working directory', async () => {
  await assert.rejects(loadConf('surely/not/here.json'), {
    info: { file: join(process.cwd(), 'surely/not/here.json') },
  });
});

void test(
  'TypeScript is read, afresh at each call, where Node can import it',
  { skip: !typescript },
  async () => {
    for (const backlog of [1, 2]) {
      const text = `const backlog: number = ${backlog}; export default { sites: [{ path: '../shop' }], backlog };`;
      assert.equal((await loadConf(write('esm/conf.ts', text))).backlog, backlog);
    }
    const unsupported = await refusal(write('esm/enum.ts', 'enum A { b } export default { sites: A };'));
    assert.equal(unsupported.code, 'ERR_CONF_SYNTAX');
    assert.match(unsupported.message, /enum is not supported/);
  },
);

void test(
  'TypeScript is refused with the reason where Node can not import it',
  { skip: typescript },
  async () => {
    const error = await refusal(write('conf.ts', 'export default {};'));
    assert.equal(error.code, 'ERR_CONF_FORMAT');
    assert.match(
      error.message,
      /conf\.ts: Node [\d.]+ can't import TypeScript; 22\.18 and later can\. Use \.js/,
    );
  },
);

void test('another format is refused, with those that are supported', async () => {
  const error = await refusal(write('conf.ini', 'sites=[]'));
  assert.equal(error.code, 'ERR_CONF_FORMAT');
  assert.match(error.message, /files of type '\.ini' can't be read; supported: \.json, .*, \.toml$/);
  assert.match((await refusal(write('conf', ''))).message, /a conf file without an extension can't be read/);
});

void test('a file that is not there, is a directory or may not be read is told as what it is', async () => {
  for (const name of ['nope.json', 'nope.mjs', 'good.json/below.json']) {
    write('good.json', '{}');
    const error = await refusal(join(directory, name));
    assert.equal(error.code, 'ERR_CONF_NOT_FOUND', name);
    assert.match(error.message, /there is no such conf file/);
  }
  mkdirSync(join(directory, 'dir.json'));
  const error = await refusal(join(directory, 'dir.json'));
  assert.equal(error.code, 'ERR_CONF_UNREADABLE');
  assert.match(error.message, /is a directory, not a conf file/);
});

void test('a file that can not be read for another reason is told with it', async () => {
  symlinkSync(join(directory, 'loop.json'), join(directory, 'loop.json'));
  const error = await refusal(join(directory, 'loop.json'));
  assert.equal(error.code, 'ERR_CONF_UNREADABLE');
  assert.match(error.message, /loop\.json: can't be read \(ELOOP\)/);
});

void test('a JSON syntax error is told with file, line and column, and without the text around it', async () => {
  const file = write('bad.json', '{\n  "sites": [\n    { "passphrase": "hunter2" x }\n  ]\n}\n');
  const error = await refusal(file);
  assert.equal(error.code, 'ERR_CONF_SYNTAX');
  assert.equal(error.message, `${file}:3:31: "x" where ',' or '}' should be`);
  assert.deepEqual(error.info, { file, line: 3, column: 31, reason: "\"x\" where ',' or '}' should be" });
  assert.equal(error.cause, undefined);
  assert.match((await refusal(write('empty.json', ''))).message, /empty\.json:1:1: the text ends/);
});

void test('a JavaScript syntax error is told with the file and, in CommonJS, the line', async () => {
  const error = await refusal(write('bad.mjs', 'export default {\n  a b\n};'));
  assert.equal(error.code, 'ERR_CONF_SYNTAX');
  assert.match(error.message, /bad\.mjs: Unexpected identifier/);
  const file = write('bad.cjs', 'module.exports = {\n  a b\n};');
  const commonJs = await refusal(file);
  assert.equal(commonJs.code, 'ERR_CONF_SYNTAX');
  assert.ok(commonJs.message.startsWith(`${file}:2: Unexpected identifier`), commonJs.message);
  assert.equal(commonJs.info['line'], 2);
});

void test('a module that throws or imports what is not there is told with the cause', async () => {
  const thrown = await refusal(write('throws.mjs', "throw new TypeError('boom');"));
  assert.equal(thrown.code, 'ERR_CONF_THREW');
  assert.match(thrown.message, /throws\.mjs: failed while it ran: boom/);
  assert.ok(thrown.cause instanceof TypeError);
  assert.equal((await refusal(write('imports.mjs', "import './nope.mjs';"))).code, 'ERR_CONF_THREW');
  assert.match(
    (await refusal(write('odd.cjs', "throw 'no error'"))).message,
    /failed while it ran: no error/,
  );
});

void test('a module without a default export is told what to export', async () => {
  const error = await refusal(write('named.mjs', 'export const sites = [];'));
  assert.equal(error.code, 'ERR_CONF_INVALID');
  assert.match(error.message, /named\.mjs: has no default export; expected `export default/);
});

void test('what a file says wrongly is told with its name', async () => {
  const file = write('wrong.json', '{"sites":[{"path":"shop","listen":[{"port":70000}]}]}');
  const error = await refusal(file);
  assert.equal(error.code, 'ERR_CONF_INVALID');
  assert.equal(error.message, `${file}: sites[0].listen[0].port: 70000 is not an integer from 0 to 65535`);
  assert.equal(error.info['file'], file);
  const missing = await refusal(write('missing.json', '{"sites":[{"path":"nope"}]}'));
  assert.equal(missing.code, 'ERR_CONF_PATH');
});

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

async function refusal(file: string): Promise<VhostError> {
  try {
    await loadConf(file);
  } catch (thrown) {
    if (thrown instanceof VhostError) return thrown;
    throw thrown;
  }
  return assert.fail('it was accepted');
}
