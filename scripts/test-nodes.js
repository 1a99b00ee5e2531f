// Runs the compiled tests on every supported Node, or on the binaries that VHOSTD_NODES names (separated by ':').
// Arguments go to scripts/test.js. The binaries come from npm's packages node-<platform>-<arch>.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAJORS = [20, 22, 24, 26];
const root = fileURLToPath(new URL('../', import.meta.url));
const cache = `${root}node_modules/.cache/nodes`;

const named = (process.env.VHOSTD_NODES ?? '').split(delimiter).filter((binary) => binary !== '');
const binaries = named.length > 0 ? named : MAJORS.map((major) => install(major));
const results = binaries.map((binary) => test(binary));
console.log();
for (const { version, passed } of results) console.log(`${passed ? 'passed' : 'FAILED'}  ${version}`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

/** The path of the newest Node of a major version, downloaded once. */
function install(major) {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = `${cache}/v${major}`;
  const binary = `${prefix}/node_modules/${name}/bin/node`;
  if (existsSync(binary)) return binary;
  mkdirSync(prefix, { recursive: true });
  const flags = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['install', '--prefix', prefix, ...flags, `${name}@${major}`]);
  return binary;
}

function test(binary) {
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  if (version === '') throw new Error(`${binary} is no Node that can be run`);
  console.log(`\n== Node ${version} ==`);
  // What the tests start as `node` is this binary, too.
  const env = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
  const testArguments = [`${root}scripts/test.js`, ...process.argv.slice(2)];
  const { status } = spawnSync(binary, testArguments, { stdio: 'inherit', env });
  return { version, passed: status === 0 };
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} ended with ${status}`);
}
