import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSiteFile, readRegularFile, readSiteFile } from './site-file.js';
import type { SiteFileUse, SiteUser } from './site-file.js';

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root to make another user’s files' };
const USER: SiteUser = { uid: 65_501, gid: 65_501 };
const STRANGER = 65_502;
const APPEND: SiteFileUse = { append: true, mode: 0o640 };
const REFUSED = { code: 'ERR_SITE_PATH' };

/** A directory of root that everybody may enter, with one of the site's user in it. */
function placesIn(t: TestContext, parent: string): { ours: string; theirs: string } {
  const ours = realpathSync(mkdtempSync(join(parent, 'vhostd-site-file-')));
  t.after(() => rmSync(ours, { recursive: true }));
  chmodSync(ours, 0o755);
  const theirs = join(ours, 'theirs');
  mkdirSync(theirs);
  give(theirs);
  return { ours, theirs };
}

function places(t: TestContext): { ours: string; theirs: string } {
  return placesIn(t, tmpdir());
}

/** Whether nobody but root can change what a path leads to. */
function isRoots(path: string): boolean {
  const { uid, mode } = statSync(path);
  return uid === 0 && (mode & 0o022) === 0 && (path === '/' || isRoots(dirname(path)));
}

function give(path: string, uid: number = USER.uid): void {
  chownSync(path, uid, uid);
}

async function append(file: string, text = 'line\n'): Promise<void> {
  const opened = await openSiteFile(file, APPEND, USER);
  writeSync(opened, text);
  closeSync(opened);
}

async function read(file: string): Promise<string> {
  return (await readSiteFile(file, 1000, USER)).toString();
}

void describe('openSiteFile', asRoot, () => {
  void it('appends to a file, which it makes with the directories above it; in the site’s own directory for the site’s user', async (t) => {
    const { theirs } = places(t);
    const [own, deep] = [join(theirs, 'own.log'), join(theirs, 'log', 'deep.log')];
    for (const file of [own, deep]) {
      await append(file, 'a\n');
      await append(file, 'b\n');
      assert.equal(readFileSync(file, 'utf8'), 'a\nb\n');
    }
    assert.deepEqual(
      [own, deep].map((file) => statSync(file).uid),
      [USER.uid, 0],
    );
  });

  void it('goes on in a file that root has made, unless it has a second name', async (t) => {
    const { ours, theirs } = places(t);
    const file = join(theirs, 'root.log');
    writeFileSync(file, '', { mode: 0o644 });
    await append(file);
    linkSync(file, join(ours, 'second'));
    await assert.rejects(append(file), REFUSED);
    assert.equal(readFileSync(file, 'utf8'), 'line\n');
  });

  void it('refuses a link to what is not the site’s, in the place of the file or of a directory', async (t) => {
    const { ours, theirs } = places(t);
    const secret = join(ours, 'secret');
    const locked = join(ours, 'locked');
    writeFileSync(secret, 'secret', { mode: 0o600 });
    mkdirSync(locked, { mode: 0o700 });
    mkdirSync(join(ours, 'open'));
    symlinkSync(secret, join(theirs, 'file.log'));
    symlinkSync('../locked', join(theirs, 'locked'));
    symlinkSync(join(ours, 'open'), join(theirs, 'open'));
    symlinkSync('self', join(theirs, 'self'));
    for (const file of ['file.log', 'locked/out.log', 'open/out.log', 'self', 'self/out.log']) {
      await assert.rejects(append(join(theirs, file)), REFUSED, file);
    }
    assert.equal(readFileSync(secret, 'utf8'), 'secret');
    assert.ok(!existsSync(join(ours, 'locked', 'out.log')) && !existsSync(join(ours, 'open', 'out.log')));
    await assert.rejects(read(join(theirs, 'file.log')), REFUSED);
  });

  void it('follows a link of the site’s user to what is its own', async (t) => {
    const { theirs } = places(t);
    for (const name of ['releases', 'releases/7', 'shared']) {
      mkdirSync(join(theirs, name));
      give(join(theirs, name));
    }
    symlinkSync('releases/7', join(theirs, 'current'));
    symlinkSync('../../shared', join(theirs, 'releases', '7', 'log'));
    const file = join(theirs, 'current', 'log', 'out.log');
    await append(file, 'a\n');
    await append(file, 'b\n');
    assert.equal(readFileSync(join(theirs, 'shared', 'out.log'), 'utf8'), 'a\nb\n');
    assert.equal(statSync(file).uid, USER.uid);
  });

  void it('opens as it stands what only root can change', async (t) => {
    const parent = [fileURLToPath(new URL('.', import.meta.url)), homedir(), '/var/lib'].find(isRoots);
    if (parent === undefined) return t.skip('needs a directory that only root can change');
    const { ours, theirs } = placesIn(t, parent);
    mkdirSync(join(ours, 'logs'));
    symlinkSync(join(ours, 'logs'), join(ours, 'link'));
    await append(join(ours, 'link', 'out.log'));
    assert.equal(statSync(join(ours, 'logs', 'out.log')).uid, 0);
    await append('/dev/null');
    symlinkSync(join(ours, 'logs', 'out.log'), join(theirs, 'out.log'));
    await assert.rejects(append(join(theirs, 'out.log')), REFUSED);
  });

  void it('refuses what is no regular file, and waits for none', async (t) => {
    const { theirs } = places(t);
    execFileSync('mkfifo', [join(theirs, 'pipe')]);
    give(join(theirs, 'pipe'));
    mkdirSync(join(theirs, 'directory'));
    symlinkSync('/dev/zero', join(theirs, 'zero'));
    for (const name of ['pipe', 'directory', 'zero']) {
      await assert.rejects(append(join(theirs, name)), REFUSED, name);
      await assert.rejects(read(join(theirs, name)), REFUSED, name);
    }
  });

  void it('refuses the file of another user', async (t) => {
    const { theirs } = places(t);
    writeFileSync(join(theirs, 'file'), '', { mode: 0o666 });
    give(join(theirs, 'file'), STRANGER);
    await assert.rejects(append(join(theirs, 'file')), REFUSED);
  });

  void it('says that a file is missing, by its name', async (t) => {
    const { theirs } = places(t);
    const file = join(theirs, 'missing');
    await assert.rejects(read(file), { code: 'ENOENT', message: `ENOENT: ${file} cannot be opened` });
    await assert.rejects(read(join(file, 'deeper')), { code: 'ENOENT' });
  });

  void it('never writes behind a link that is exchanged all the time', async (t) => {
    const { ours, theirs } = places(t);
    const [locked, real] = [join(ours, 'locked'), join(theirs, 'real')];
    mkdirSync(locked, { mode: 0o700 });
    mkdirSync(real);
    give(real);
    const counts = { written: 0, refused: 0 };
    const stop = await exchanging(join(theirs, 'log'), [real, locked]);
    try {
      while (counts.written < 100 || counts.refused < 100) {
        const outcome = await append(join(theirs, 'log', 'out.log')).then(() => 'written', codeOf);
        if (outcome === 'written') counts.written += 1;
        else if (outcome === 'ERR_SITE_PATH') counts.refused += 1;
      }
    } finally {
      await stop();
    }
    assert.ok(!existsSync(join(locked, 'out.log')));
    assert.equal(readFileSync(join(real, 'out.log'), 'utf8'), 'line\n'.repeat(counts.written));
  });
});

void describe('readSiteFile', asRoot, () => {
  void it('reads what the user of the site could read', async (t) => {
    const { theirs } = places(t);
    writeFileSync(join(theirs, 'own'), 'own', { mode: 0o600 });
    give(join(theirs, 'own'));
    writeFileSync(join(theirs, 'public'), 'public', { mode: 0o644 });
    writeFileSync(join(theirs, 'group'), 'group', { mode: 0o640 });
    chownSync(join(theirs, 'group'), 0, USER.uid);
    writeFileSync(join(theirs, 'secret'), 'secret', { mode: 0o600 });
    for (const name of ['own', 'public', 'group']) assert.equal(await read(join(theirs, name)), name);
    await assert.rejects(read(join(theirs, 'secret')), REFUSED);
    assert.equal(readRegularFile(join(theirs, 'public'), 10, USER), 'public');
    assert.equal(readRegularFile(join(theirs, 'secret'), 10, USER), undefined);
    assert.equal(readRegularFile(join(theirs, 'secret'), 10, undefined), 'secret');
  });
});

void it('reads no more of a file than is wanted, and no pipe', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vhostd-site-file-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'file'), 'text');
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  assert.equal((await readSiteFile(join(directory, 'file'), 4, undefined)).toString(), 'text');
  await assert.rejects(readSiteFile(join(directory, 'file'), 3, undefined), {
    message: 'it has 4 bytes; 3 are the limit',
  });
  await assert.rejects(readSiteFile(join(directory, 'pipe'), 4, undefined), {
    message: 'it is no regular file',
  });
  assert.equal(readRegularFile(join(directory, 'file'), 4, undefined), 'text');
  assert.equal(readRegularFile(join(directory, 'file'), 3, undefined), undefined);
  assert.equal(readRegularFile(join(directory, 'pipe'), 4, undefined), undefined);
  assert.throws(() => readRegularFile(join(directory, 'missing'), 4, undefined), { code: 'ENOENT' });
});

/** Lets a link lead to one place and the other, in turn, until the function is called that this resolves with. */
async function exchanging(link: string, targets: readonly string[]): Promise<() => Promise<void>> {
  const script = `
    const { renameSync, symlinkSync } = require('node:fs');
    const [link, ...targets] = process.argv.slice(1);
    for (let count = 0; ; count += 1) {
      symlinkSync(targets[count % 2], link + '.next');
      renameSync(link + '.next', link);
      if (count === 0) process.stdout.write('started');
    }`;
  const child = spawn(process.execPath, ['-e', script, link, ...targets], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await ended;
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
