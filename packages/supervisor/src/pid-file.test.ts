import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readIdentity } from './process-identity.js';
import { createPidFile, inspectPidFile, readPidFile, removePidFile, writePidFile } from './pid-file.js';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-pid-'));
  file = path.join(directory, 'daemon.pid');
});
afterEach(() => rmSync(directory, { recursive: true }));

void it('nobody waits for a named pipe in the place of a PID file, and it is replaced', () => {
  execFileSync('mkfifo', [file]);
  assert.equal(readPidFile(file), undefined);
  const identity = readIdentity(process.pid);
  assert.ok(identity);
  writePidFile(file, identity);
  assert.deepEqual(readPidFile(file), identity);
});

const other = { pid: 4_000_000, startTime: '123', bootId: '0b63f1d6-60ec-4b4f-8e7c-7d9a4e6ad1a7' };

void describe('the PID file', () => {
  void it('holds the bare pid in its first line and gives the whole identity back', () => {
    const self = readIdentity(process.pid);
    assert.ok(self !== undefined);
    writePidFile(file, other);
    writePidFile(file, self);
    assert.equal(readFileSync(file, 'utf8').split('\n')[0], String(process.pid));
    assert.deepEqual(readPidFile(file), self);
    assert.deepEqual(readdirSync(directory), ['daemon.pid']);
    assert.equal(statSync(file).mode & 0o777 & ~0o644, 0);
  });

  void it('names nobody if it is missing or anything else', () => {
    assert.equal(readPidFile(file), undefined);
    assert.equal(readPidFile(directory), undefined);
    symlinkSync('/dev/zero', file);
    assert.equal(readPidFile(file), undefined);
    rmSync(file);
    writeFileSync(file, '');
    truncateSync(file, 10 * 1024 ** 3);
    assert.equal(readPidFile(file), undefined);
    const whole = `${other.pid}\n${other.startTime}\n${other.bootId}\n`;
    const garbage = [
      '',
      '\n',
      '42',
      '42\n',
      '-1\n1\nab\n',
      '0\n1\nab\n',
      '1e3\n1\nab\n',
      'x\n1\nab\n',
      `${whole}more`,
      ` ${whole}`,
      '\0'.repeat(60),
    ];
    for (let length = 0; length < whole.length; length++) garbage.push(whole.slice(0, length));
    for (const text of garbage) {
      writeFileSync(file, text);
      assert.equal(readPidFile(file), undefined, JSON.stringify(text));
    }
    writeFileSync(file, whole);
    assert.deepEqual(readPidFile(file), other);
  });

  void it('is removed by its owner only', () => {
    assert.equal(removePidFile(file, other), false);
    writePidFile(file, other);
    assert.equal(removePidFile(file, { ...other, pid: 1 }), false);
    assert.equal(removePidFile(file, { ...other, startTime: '124' }), false);
    assert.equal(removePidFile(file, { ...other, bootId: 'a' }), false);
    assert.deepEqual(readPidFile(file), other);
    assert.equal(removePidFile(file, other), true);
    assert.deepEqual(readdirSync(directory), []);
  });

  void it('is created by one of many, and then stays as it is', async (t) => {
    const script = fileURLToPath(new URL('pid-file.test.child.js', import.meta.url));
    const children = Array.from({ length: 5 }, () => fork(script, [file, 'create']));
    t.after(() => children.map((child) => child.kill()));
    await Promise.all(children.map((child) => once(child, 'message')));
    const answers = children.map((child) => once(child, 'message'));
    for (const child of children) child.send('create');
    const created = (await Promise.all(answers)).map(([answer]: unknown[]) => answer);
    assert.equal(created.filter((answer) => answer === true).length, 1, JSON.stringify(created));
    assert.equal(readPidFile(file)?.pid, children[created.indexOf(true)]?.pid);
    assert.equal(createPidFile(file, other), false);
    assert.deepEqual(readdirSync(directory), ['daemon.pid'], 'nothing else is left');
  });

  void it('is believed only where it is a regular file of this user', () => {
    assert.deepEqual(inspectPidFile(file), { kind: 'none' });
    writePidFile(file, other);
    assert.deepEqual(inspectPidFile(file), { kind: 'identity', identity: other });
    const link = path.join(directory, 'link.pid');
    symlinkSync(file, link);
    assert.deepEqual(inspectPidFile(link), { kind: 'unsafe', reason: 'it is a symbolic link' });
    const folder = path.join(directory, 'folder.pid');
    mkdirSync(folder);
    assert.deepEqual(inspectPidFile(folder), { kind: 'unsafe', reason: 'it is not a regular file' });
    if (process.getuid?.() === 0) {
      chownSync(file, 65_534, 65_534);
      assert.equal(inspectPidFile(file).kind, 'unsafe');
      chownSync(file, 0, 0);
    }
    for (const text of ['', '42', 'x'.repeat(5_000), `${readFileSync(file, 'utf8')}${' '.repeat(5_000)}`]) {
      writeFileSync(file, text);
      assert.deepEqual(inspectPidFile(file), { kind: 'garbage' });
    }
  });

  void it('of a longer name keeps what its writer is at', () => {
    const longer = path.join(directory, 'daemon.pid.7.pid.4194305.tmp');
    writeFileSync(longer, '');
    writePidFile(file, other);
    assert.deepEqual(readdirSync(directory), ['daemon.pid', path.basename(longer)]);
  });

  void it(
    'is whole at every instant although its writer is killed again and again',
    { timeout: 120_000 },
    async () => {
      writePidFile(file, other);
      let reads = 0;
      for (let round = 0; round < 12; round++) {
        const writer = fork(fileURLToPath(new URL('pid-file.test.child.js', import.meta.url)), [file]);
        await once(writer, 'message');
        const until = reads + 100 + Math.floor(Math.random() * 100);
        while (reads < until) {
          assert.ok(readPidFile(file) !== undefined, readFileSync(file, 'utf8'));
          reads++;
          await turn();
        }
        const dead = once(writer, 'exit');
        writer.kill('SIGKILL');
        await dead;
        const found = readPidFile(file);
        assert.ok(found !== undefined);
        assert.match(found.startTime, /^(7|8{200})$/u);
      }
      writePidFile(file, other);
      assert.deepEqual(readdirSync(directory), ['daemon.pid'], 'what the killed writers left is gone');
    },
  );
});
