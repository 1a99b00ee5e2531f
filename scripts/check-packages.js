// Packs every published package as `pnpm publish` would, then lets publint look at the manifest and attw at the
// types. Anything that either finds wrong fails the check.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = fileURLToPath(new URL('../', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'vhostd-pack-'));
let failed = false;

try {
  for (const directory of readdirSync(`${root}packages`).toSorted()) {
    const folder = `${root}packages/${directory}`;
    const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    if (manifest.private === true) continue;
    const tarball = join(scratch, `${directory}.tgz`);
    pnpm(['pack', '--out', tarball], folder);
    const complaints = [...(await lintManifest(tarball)), ...lintTypes(tarball)];
    console.log(`${complaints.length === 0 ? 'ok    ' : 'FAILED'}  ${manifest.name}`);
    for (const complaint of complaints) console.log(complaint);
    failed ||= complaints.length > 0;
  }
} finally {
  rmSync(scratch, { recursive: true });
}
process.exitCode = failed ? 1 : 0;

/** The pnpm that runs this script; where none does, npx finds one. */
function pnpm(args, cwd) {
  const running = process.env.npm_execpath ?? '';
  const script = /pnpm\.[cm]?js$/.test(running);
  const [command, ...first] = script
    ? [process.execPath, running]
    : basename(running) === 'pnpm'
      ? [running]
      : ['npx', '--yes', 'pnpm'];
  execFileSync(command, [...first, ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function lintManifest(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball: toArrayBuffer(readFileSync(tarball)) } });
  return messages
    .filter(({ type }) => type !== 'suggestion')
    .map((message) => `  publint: ${formatMessage(message, pkg)}`);
}

function lintTypes(tarball) {
  const attw = `${root}node_modules/.bin/attw`;
  const { status, stdout, stderr } = spawnSync(
    attw,
    [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'],
    {
      encoding: 'utf8',
    },
  );
  return status === 0 ? [] : [`  attw:\n${stdout}${stderr}`];
}

function toArrayBuffer(buffer) {
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}
