// Runs every compiled test, or those whose path contains one of the arguments, on this Node.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Files that start processes wait for them for about half of their time. */
const CONCURRENCY = Math.min(2 * availableParallelism(), 8);

const root = fileURLToPath(new URL('../', import.meta.url));
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const projects = [...readdirSync(`${root}packages`).map((name) => `packages/${name}`), 'test'];
const files = projects
  .map((project) => `${project}/dist`)
  .filter((dist) => existsSync(root + dist))
  .flatMap((dist) =>
    readdirSync(root + dist, { recursive: true, encoding: 'utf8' }).map((file) => `${dist}/${file}`),
  )
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .toSorted();

if (files.length === 0) {
  console.error(`no test matches ${filters.join(' ') || 'dist/**/*.test.js'}`);
  process.exit(1);
}
// What daemons of tests keep is not the user's.
const state = mkdtempSync(join(tmpdir(), 'vhostd-test-state-'));
const runner = spawn(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    '--test-timeout=600000',
    '--test-reporter=spec',
    ...flags,
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, XDG_STATE_HOME: state } },
);
runner.on('exit', (code, signal) => {
  rmSync(state, { recursive: true, force: true });
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
