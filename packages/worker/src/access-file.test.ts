import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AccessFile } from './access-file.js';

const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-access-'));
after(() => rmSync(directory, { recursive: true }));

void it('lines are appended, in directories that are made; a renamed file is followed by a new one', async () => {
  const name = path.join(directory, 'log/access.log');
  const file = new AccessFile(name);
  file.write('one\n');
  file.write('two\n');
  await until(() => textOf(name) === 'one\ntwo\n');
  renameSync(name, `${name}.1`);
  // The name is looked at once a second, while lines come.
  for (let count = 0; !existsSync(name); count += 1) {
    file.write(`more ${count}\n`);
    await delay(50);
  }
  await until(() => textOf(name).endsWith('\n'));
  assert.match(textOf(`${name}.1`), /^one\ntwo\n(?:more \d+\n)*$/);
  assert.match(textOf(name), /^(?:more \d+\n)+$/);
});

void it('a named pipe that is full is waited for, and stays open for its reader', async () => {
  const name = path.join(directory, 'pipe');
  assert.equal(spawnSync('mkfifo', [name]).status, 0);
  const reader = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
  const file = new AccessFile(name);
  const line = `${'x'.repeat(99)}\n`;
  // Several times what a pipe holds.
  for (let count = 0; count < 5_000; count += 1) file.write(line);
  const buffer = Buffer.alloc(16_384);
  let length = 0;
  await until(() => {
    try {
      const count = readSync(reader, buffer);
      // None: nobody has it open for writing, as before the first line.
      assert.ok(count > 0 || length === 0);
      length += count;
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
    return length === 500_000;
  });
  assert.deepEqual(file.stats, { lostLines: 0 });
  closeSync(reader);
});

void it('what cannot be written waits within a bound, and the rest is counted', async () => {
  const name = path.join(directory, 'taken');
  mkdirSync(name);
  const file = new AccessFile(name);
  const line = `${'x'.repeat(99)}\n`;
  for (let count = 0; count < 20_000; count += 1) file.write(line);
  await until(() => file.stats.fault !== undefined);
  const { lostLines, fault } = file.stats;
  assert.match(fault ?? '', /^EISDIR: /);
  rmSync(name, { recursive: true });
  await until(() => textOf(name).includes('lines were lost here'));
  const lines = textOf(name).trimEnd().split('\n');
  const lost = Number(/^vhostd: (\d+) lines were lost here/.exec(lines.at(-1) ?? '')?.[1]);
  assert.equal(lines.length - 1 + lost, 20_000);
  assert.equal(lost, lostLines);
  await until(() => file.stats.fault === undefined);
  assert.deepEqual(file.stats, { lostLines });
  assert.ok(lost > 0 && lines.length > 10_000, `${lines.length} lines, ${lost} lost`);
});

void it('what was refused for a moment is written later, whole and once', async () => {
  const name = path.join(directory, 'pipe');
  spawnSync('mkfifo', [name]);
  const reader = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
  const file = new AccessFile(name);
  const lines = Array.from({ length: 2000 }, (_, number) => `${String(number).padStart(80, '.')}\n`);
  for (const line of lines) file.write(line);
  const bytes = Buffer.alloc(65_536);
  let text = '';
  await until(() => {
    try {
      text += bytes.toString('latin1', 0, readSync(reader, bytes));
    } catch {
      // Nothing at this moment.
    }
    return text.length >= lines.join('').length;
  });
  closeSync(reader);
  assert.equal(text, lines.join(''));
});

void it('what waits at the end of the process is written', () => {
  const name = path.join(directory, 'at-exit.log');
  const module = new URL('./access-file.js', import.meta.url).href;
  const code = `import { AccessFile } from ${JSON.stringify(module)};
    new AccessFile(${JSON.stringify(name)}).write('the last one\\n'); process.exit()`;
  spawnSync(process.execPath, ['--input-type=module', '-e', code]);
  assert.equal(textOf(name), 'the last one\n');
});

function textOf(name: string): string {
  return existsSync(name) ? readFileSync(name, 'utf8') : '';
}

async function until(condition: () => boolean): Promise<void> {
  for (let count = 0; !condition(); count += 1) {
    assert.ok(count < 3000, 'it did not come within 60 s');
    await delay(20);
  }
}
