// Runs every compiled test, or those whose path contains one of the arguments, on this Node; with
// `--test-name-pattern=WORDS` those of them that are so called.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseLink, linkProof } from '../packages/transport/bundle/index.js';

/** Files that start processes wait for them for about half of their time. */
const CONCURRENCY = Math.min(2 * availableParallelism(), 8);
const FILE_LIMIT_MS = 600_000;

const root = fileURLToPath(new URL('../', import.meta.url));
const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { 'test-name-pattern': { type: 'string', multiple: true } },
});
const names = values['test-name-pattern'];
// Those that wait for processes come first: while the last of them wait, the others have the CPUs.
const projects = ['test', ...readdirSync(`${root}packages`).map((name) => `packages/${name}`)];
const files = projects
  .map((project) => `${project}/dist`)
  .filter((dist) => existsSync(root + dist))
  .flatMap((dist) =>
    readdirSync(root + dist, { recursive: true, encoding: 'utf8' })
      .map((file) => `${dist}/${file}`)
      .toSorted(),
  )
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .map((file) => root + file);

if (files.length === 0) {
  console.error(`no test matches ${filters.join(' ') || 'dist/**/*.test.js'}`);
  process.exit(1);
}
// What daemons of tests keep is not the user's.
const state = mkdtempSync(join(tmpdir(), 'vhostd-test-state-'));
process.env.XDG_STATE_HOME = state;
// Masters of tests, hundreds of them, need not find out each that this Node passes the self-test of their links.
const { type, handsBack } = await chooseLink('auto');
if (handsBack) process.env.VHOSTD_LINK_PROOF = linkProof(type);
process.on('exit', () => rmSync(state, { recursive: true, force: true }));
const tests = run({ files, concurrency: CONCURRENCY, timeout: FILE_LIMIT_MS, testNamePatterns: names });
tests.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) process.exitCode = 1;
});
tests.compose(spec).pipe(process.stdout);
