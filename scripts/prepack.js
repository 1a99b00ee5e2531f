// Before a package is packed (`npm pack`, `pnpm pack`): puts beside its manifest what lies at the root of the
// repository and belongs into each package, and into that of the command the documents. Git ignores all of it.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const source = `${manifest.homepage.replace(/#.*$/, '')}/blob/main/`;

/** What people find in the package that they install, by its path in the repository. */
const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  'examples/vhostd.service',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
];

/** The end of `[text](link)`. */
const LINK = /\]\(([^)\s]+)\)/g;

if (!existsSync(join(folder, 'bundle'))) {
  console.error(`${manifest.name}: not built yet; run npx -y pnpm run build first`);
  process.exit(1);
}
cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
if (basename(folder) === 'cli') {
  for (const name of ['docs', 'examples']) rmSync(join(folder, name), { recursive: true, force: true });
  for (const file of DOCUMENTS) copyDocument(file);
}

/** A link to what is not in the package leads to the repository. */
function copyDocument(file) {
  const target = join(folder, file);
  mkdirSync(dirname(target), { recursive: true });
  const text = readFileSync(join(root, file), 'utf8');
  writeFileSync(
    target,
    file.endsWith('.md') ? text.replaceAll(LINK, (whole, link) => linkOf(file, whole, link)) : text,
  );
}

function linkOf(file, whole, link) {
  const [path, anchor] = link.split('#');
  if (path === '' || /^[a-z]+:/.test(path)) return whole;
  const wanted = relative('', posix.join(posix.dirname(file), path));
  return DOCUMENTS.includes(wanted)
    ? whole
    : `](${source}${wanted}${anchor === undefined ? '' : `#${anchor}`})`;
}
