import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import { parseEnvText, readsVariables, readVariables } from './site-variables.js';
import { WorkerFiles } from './worker-files.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-variables-'));
  chmodSync(directory, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a site has the variables of its file, those of its conf, and those that lie in other files', async () => {
  write('.env', '# shop\nA=1\nexport B="two # words"\nC=file\nMULTI="x\ny"\n');
  write('secret', 'hunter2 \r\n');
  write('credentials/token', 'one\ntwo\n\n');
  const conf = site({
    envFile: '.env',
    workerOptions: { env: { C: 'conf', N: 3, S: { file: 'secret' }, T: { credential: 'token' } } },
  });
  await withCredentials(path.join(directory, 'credentials'), async () => {
    const found = await readVariables(conf);
    const expected = {
      A: '1',
      B: 'two # words',
      C: 'conf',
      MULTI: 'x\ny',
      N: '3',
      S: 'hunter2 ',
      T: 'one\ntwo\n',
    };
    assert.deepEqual(found, expected);
  });
  assert.equal(readsVariables(conf), true);
  assert.equal(readsVariables(site({ workerOptions: { env: { A: 1 } } })), false);
});

test('what cannot be read is told with the site, the field and the file', async () => {
  write('zero', 'a\0b');
  mkdirSync(path.join(directory, 'dir'));
  write('large', 'x'.repeat(65_537));
  for (const [fields, message] of [
    [{ envFile: 'no' }, `site s: envFile cannot be read from ${directory}/no: there is no such file`],
    [
      secret('zero'),
      `site s: env.S cannot be read from ${directory}/zero: it holds a null character, which no variable can`,
    ],
    [secret('dir'), `site s: env.S cannot be read from ${directory}/dir: it is no regular file`],
    [
      secret('large'),
      `site s: env.S cannot be read from ${directory}/large: it has 65537 bytes; 65536 are the limit`,
    ],
  ] as const)
    await assert.rejects(readVariables(site(fields)), { code: 'ERR_SITE_ENV', message });
  await withCredentials(undefined, async () => {
    const fields = { workerOptions: { env: { S: { credential: 'token' } } } };
    await assert.rejects(readVariables(site(fields)), /\$CREDENTIALS_DIRECTORY is not set/);
  });
});

test(
  'of what the user of a site may have put there, only what that user may read is read',
  { skip: process.getuid?.() === 0 ? false : 'needs root' },
  async (t) => {
    const own = path.join(directory, 'own');
    mkdirSync(own);
    chownSync(own, 12_345, 12_345);
    // Everybody may write into the directory for temporary files.
    const ofRoot = mkdtempSync(path.join(homedir(), '.vhostd-variables-'));
    t.after(() => rmSync(ofRoot, { recursive: true }));
    writeFileSync(path.join(ofRoot, 'secret'), 'root\n', { mode: 0o600 });
    symlinkSync(path.join(ofRoot, 'secret'), path.join(own, 'link'));
    write('own/mine', 'mine\n');
    chownSync(path.join(own, 'mine'), 12_345, 12_345);
    const as = (file: string): SiteConf => site({ user: 12_345, group: 12_345, ...secret(file) });
    // Root has put it where only root puts files: that is what a secret is for.
    assert.equal((await readVariables(as(path.join(ofRoot, 'secret'))))['S'], 'root');
    assert.equal((await readVariables(as('own/mine')))['S'], 'mine');
    await assert.rejects(readVariables(as('own/link')), { code: 'ERR_SITE_ENV' });
  },
);

test('lines that are no variables, a tab and a byte order mark change no name, on any Node', () => {
  assert.deepEqual(parseEnvText('nothing\nB=2\n\tC=3\nkey: value\nD=4'), { B: '2', C: '3', D: '4' });
  assert.deepEqual(parseEnvText('A=1\r\nB=\r\nC=x=y\r\n'), { A: '1', B: '', C: 'x=y' });
});

test('a generation keeps what it has read; what could not be read is read anew for the next try', async () => {
  const conf = site({ envFile: '.env' });
  const files = new WorkerFiles(conf);
  await files.readVariables();
  // Each refusal begins the next read.
  assert.throws(() => files.variables(), { code: 'ERR_SITE_ENV' });
  await files.readVariables();
  write('.env', 'A=1');
  assert.throws(() => files.variables(), { code: 'ERR_SITE_ENV' });
  await files.readVariables();
  assert.deepEqual(files.variables(), { A: '1' });
  write('.env', 'A=2');
  assert.equal(files.readVariables(), undefined);
  assert.deepEqual(files.variables(), { A: '1' });
  const next = new WorkerFiles(conf);
  await next.readVariables();
  assert.deepEqual(next.variables(), { A: '2' });
});

function write(name: string, content: string): void {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function secret(file: string): object {
  return { workerOptions: { env: { S: { file } } } };
}

function site(fields: object): SiteConf {
  return parseSite({ siteId: 's', path: directory, ...fields }, { baseDir: '/' });
}

async function withCredentials(value: string | undefined, act: () => Promise<void>): Promise<void> {
  const before = process.env['CREDENTIALS_DIRECTORY'];
  set(value);
  try {
    await act();
  } finally {
    set(before);
  }
}

function set(value: string | undefined): void {
  if (value === undefined) delete process.env['CREDENTIALS_DIRECTORY'];
  else process.env['CREDENTIALS_DIRECTORY'] = value;
}
