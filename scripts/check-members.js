// Reports members of classes whose name no source file mentions elsewhere: knip does not look into classes.
// Names are compared, not types, so a member is only reported when nothing of its name is used anywhere but in tests.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';

const root = fileURLToPath(new URL('../', import.meta.url));
const sources = readdirSync(`${root}packages`)
  .flatMap((name) =>
    readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: 'utf8' }).map(
      (file) => `packages/${name}/src/${file}`,
    ),
  )
  .filter((file) => file.endsWith('.ts') && !/\.test\.|\/fixtures\//.test(file));

/** What the documents name is for users. */
const documented = readdirSync(`${root}docs`)
  .filter((file) => file.endsWith('.md'))
  .map((file) => readFileSync(`${root}docs/${file}`, 'utf8'))
  .join('\n');

const members = [];
const used = new Set();
for (const file of sources) {
  const text = readFileSync(root + file, 'utf8');
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`);
  const member = (node) => {
    if (node.computed || node.override || node.key.type !== 'Identifier') return;
    if (node.kind === 'constructor') return;
    const line = text.slice(0, node.start).split('\n').length;
    members.push({ name: node.key.name, where: `${file}:${line}` });
  };
  new Visitor({
    MethodDefinition: member,
    PropertyDefinition: member,
    AccessorProperty: member,
    MemberExpression: (node) => {
      if (!node.computed && node.property.type === 'Identifier') used.add(node.property.name);
    },
    ObjectPattern: (node) => {
      for (const property of node.properties) {
        if (property.type === 'Property' && property.key.type === 'Identifier') used.add(property.key.name);
      }
    },
    // `'name' in value`, value['name']
    Literal: (node) => {
      if (typeof node.value === 'string') used.add(node.value);
    },
  }).visit(program);
}

const unused = members.filter(
  ({ name }) => !used.has(name) && !new RegExp(`\`[^\`\n]*\\b${name}\\b[^\`\n]*\``).test(documented),
);
for (const { name, where } of unused) console.error(`unused   ${name}  ${where}`);
if (members.length < 100) throw new Error('hardly any class members were found: the check is broken');
if (unused.length > 0) process.exitCode = 1;
