// What a Node that is too old hears: one line, and the exit code of wrong use, which no supervisor tries again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-old-node-'));
after(() => rmSync(directory, { recursive: true }));

for (const [what, file, args] of [
  ['vhostd run', '../bin/vhostd.js', ['run']],
  ['pnpm start', '../../../scripts/node-version.js', []],
] as const) {
  void test(`${what} on an old Node ends with one line`, () => {
    const program = fileURLToPath(new URL(file, import.meta.url));
    for (const [version, isOld] of [
      ['18.20.8', true],
      ['20.18.3', true],
      ['20.19.0', false],
      ['22.0.0', false],
    ] as const) {
      const pretend = path.join(directory, 'pretend.cjs');
      writeFileSync(
        pretend,
        `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
         Object.defineProperty(process, 'version', { value: 'v${version}' });`,
      );
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--require', pretend, program, ...args, '--help'],
        {
          encoding: 'utf8',
        },
      );
      const line = `vhostd: Node v${version} is too old: vhostd needs 20.19 or later\n`;
      assert.deepEqual([status, stderr], isOld ? [2, line] : [0, '']);
      if (isOld) assert.equal(stdout, '');
    }
  });
}
