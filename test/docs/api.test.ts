// docs/*-api.md describe every public member of worker, master and daemon, and none that is not there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Daemon, DaemonClient } from '@vhostd/daemon';
import * as daemonPackage from '@vhostd/daemon';
import { master } from '@vhostd/master';
import { worker } from '@vhostd/worker';
import { codeBlocks } from './markdown.js';
import { readDoc } from './sources.js';

const APIS: { name: string; object: object; extra: string[] }[] = [
  { name: 'worker', object: worker, extra: ['config'] },
  { name: 'master', object: master, extra: [] },
  { name: 'daemon', object: Daemon.prototype, extra: [] },
];

for (const { name, object, extra } of APIS) {
  const text = readDoc(`docs/${name}-api.md`);
  const members = [...membersOf(object, name !== 'daemon'), ...extra];

  void test(`docs/${name}-api.md describes every member of ${name}`, () => {
    assert.ok(members.length > 8, members.join());
    const missing = members.filter((member) => !new RegExp(`\\b${name}\\.${member}\\b`).test(text));
    assert.deepEqual(missing, []);
  });

  void test(`docs/${name}-api.md names no member that is not there`, () => {
    for (const [, of = '', member = ''] of text.matchAll(/\b(worker|master|daemon)\.(\w+)\b/g)) {
      if (FILES.has(`${of}.${member}`)) continue;
      const target = APIS.find((api) => api.name === of);
      const known = target !== undefined && (member in target.object || target.extra.includes(member));
      assert.ok(known, `${of}.${member}`);
    }
  });

  void test(`the examples of docs/${name}-api.md are JavaScript`, () => {
    const blocks = codeBlocks(text).filter(({ language }) => language === 'js');
    assert.ok(blocks.length > 0);
    for (const { code } of blocks) {
      const checked = spawnSync(process.execPath, ['--check', '--input-type=module', '-'], {
        // The same name is declared once for each kind of module.
        input: code.replace(/^const worker = require.*$/m, ''),
        encoding: 'utf8',
      });
      assert.equal(checked.status, 0, `${code}\n${checked.stderr}`);
    }
  });
}

void test('docs/daemon-api.md describes all that @vhostd/daemon exports', () => {
  const text = readDoc('docs/daemon-api.md');
  const exported = Object.keys(daemonPackage).filter(
    (name) => name !== 'default' && name !== 'module.exports',
  );
  assert.deepEqual(exported.toSorted(), [
    'Daemon',
    'DaemonClient',
    'EXIT_CODES',
    'LOG_LEVELS',
    'WorkerRates',
    'exitCodeOf',
    'findRunDir',
    'inspectRunDir',
    'livingRunDirs',
    'resolveStateDir',
  ]);
  for (const name of exported) assert.match(text, new RegExp(`\\b${name}\\b`));
  for (const name of membersOf(DaemonClient.prototype, false))
    assert.match(text.slice(text.indexOf('new DaemonClient')), new RegExp(`\`${name}[(\`]`));
});

/** Files that look like members. */
const FILES = new Set(['master.js', 'daemon.js', 'worker.js']);

/** Names of the methods and accessors of a class, of an instance of it or of its prototype. */
function membersOf(object: object, isInstance: boolean): string[] {
  const prototype: unknown = isInstance ? Object.getPrototypeOf(object) : object;
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
}
