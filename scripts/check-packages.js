// Packs every published package as `npm publish` would, then lets publint look at the manifest and attw at the types.
// Anything that either finds wrong fails the check; so does a package that names another one of ours by another
// version than its own, which npm could not install.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = fileURLToPath(new URL('../', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'vhostd-pack-'));
const folders = readdirSync(`${root}packages`)
  .toSorted()
  .map((name) => `${root}packages/${name}`);
const manifests = folders.map((folder) => JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')));
const versions = new Map(manifests.map(({ name, version }) => [name, version]));
let failed = false;

try {
  const packed = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', scratch, ...folders], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  for (const { name, filename } of Object.values(packed)) {
    const tarball = join(scratch, filename);
    const complaints = [...lintVersions(name), ...(await lintManifest(tarball)), ...lintTypes(name, tarball)];
    console.log(`${complaints.length === 0 ? 'ok    ' : 'FAILED'}  ${name}`);
    for (const complaint of complaints) console.log(complaint);
    failed ||= complaints.length > 0;
  }
} finally {
  rmSync(scratch, { recursive: true });
}
process.exitCode = failed ? 1 : 0;

function lintVersions(name) {
  const { dependencies = {} } = manifests.find((manifest) => manifest.name === name);
  return Object.entries(dependencies)
    .filter(([other, wanted]) => versions.has(other) && versions.get(other) !== wanted)
    .map(([other, wanted]) => `  ${other}: ${wanted} is not its version, ${versions.get(other)}`);
}

async function lintManifest(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball: toArrayBuffer(readFileSync(tarball)) } });
  return messages
    .filter(({ type }) => type !== 'suggestion')
    .map((message) => `  publint: ${formatMessage(message, pkg)}`);
}

/** That `require` gives a module is as it is meant, but for who has CommonJS for it: Node loads it so. */
function lintTypes(name, tarball) {
  const attw = `${root}node_modules/.bin/attw`;
  const { exports } = manifests.find((manifest) => manifest.name === name);
  const ignored = exports['.']?.require === undefined ? ['--ignore-rules', 'cjs-resolves-to-esm'] : [];
  const { status, stdout, stderr } = spawnSync(attw, [tarball, ...ignored, '--no-emoji', '--no-color'], {
    encoding: 'utf8',
  });
  return status === 0 ? [] : [`  attw:\n${stdout}${stderr}`];
}

function toArrayBuffer(buffer) {
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}
