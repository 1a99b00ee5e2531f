import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MasterConf } from '@vhostd/master';
import { checkSpares } from './check-spares.js';

const OPTIONS = { cwd: import.meta.dirname, env: {}, execArgv: [], inheritEnv: [] };

async function found(handoff: string, ...sites: object[]): Promise<string[]> {
  const conf = {
    handoff,
    sites: sites.map((site, index) => ({
      siteId: `s${index}`,
      workerFile: import.meta.filename,
      workerArgs: [],
      workerOptions: OPTIONS,
      instanceVar: 'SLOT',
      ...site,
    })),
  };
  return (await checkSpares(conf as unknown as MasterConf)).map(
    ({ subject, message }) => `${subject}: ${message}`,
  );
}

async function messages(handoff: string, ...counts: (number | undefined)[]): Promise<string[]> {
  const findings = await found(handoff, ...counts.map((warm) => ({ warm })));
  return findings.map((finding) => finding.replace(/^warm: /, ''));
}

void test('spares that a site would not have are told, of all sites at once', async () => {
  assert.deepEqual(await messages('ipc', 1, undefined, 0, 2), [
    'with "handoff": "ipc" there are no spares: s0, s3 would boot each worker when it is needed',
  ]);
  assert.deepEqual(await messages('ipc', undefined, 0), []);
  assert.deepEqual(await messages('auto', 1, undefined, 0, 2), []);
});

void test('many spares are told, with what they take', async () => {
  assert.deepEqual(await messages('auto', 40, 24), []);
  assert.deepEqual(await messages('auto', 40, 25), [
    '65 processes would wait beside the workers, each with 11 to 17 MB of memory of its own',
  ]);
});

void test('an option of Node that keeps a site from having spares is told, wherever it is written', async (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'vhostd-check-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [envFile, app] = [join(dir, 'site.env'), join(dir, 'app.js')];
  writeFileSync(app, '');
  writeFileSync(envFile, 'NODE_OPTIONS=--import ./first.mjs\n');
  const scripts = { start: 'node --env-file=.env app.js' };
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ scripts }));
  const options = { ...OPTIONS, cwd: dir };
  const findings = await found(
    'auto',
    { warm: 1 },
    { warm: 1, workerOptions: { ...OPTIONS, execArgv: ['-r', './first.cjs'] } },
    { warm: 1, workerOptions: { ...OPTIONS, env: { NODE_OPTIONS: '--require=./first.cjs' } } },
    { warm: 1, envFile },
    { warm: 1, workerFile: join(dir, 'npm'), workerArgs: ['start'], workerOptions: options },
    { warm: 0, workerOptions: { ...OPTIONS, execArgv: ['-r', './first.cjs'] } },
    { warm: 1, workerFile: join(dir, 'missing.js') },
  );
  assert.deepEqual(
    findings.map((finding) => finding.slice(0, finding.indexOf(' it has no spares'))),
    ['s1: with -r', 's2: with --require', 's3: with --import', 's4: with --env-file'],
  );
});
