// Holds docs/configuration.md against the schema: every field, its range, its default, and that examples work.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderJsonSchema } from './json-schema.js';
import { CONF_EXTENSIONS } from './conf-extensions.js';
import { parseMasterConf } from './parse-conf.js';
import { formatDuration, formatSize } from './quantity.js';
import { refusal } from './refusal.test.fixture.js';

const docs = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
const sections = readSections(docs);
const fields = fieldsOf(JSON.parse(renderJsonSchema()), '');

void test('every field of the schema is documented, in the order of the schema, and nothing else is', () => {
  assert.ok(fields.length > 50, `only ${fields.length} fields`);
  assert.deepEqual(
    [...sections.keys()],
    fields.map(({ name }) => name),
  );
});

void test('every documented description, range and default is the one of the code', () => {
  for (const field of fields) {
    const section = sections.get(field.name) ?? '';
    assert.ok(section.trimStart().startsWith(field.description), `${field.name}: ${field.description}`);
    assert.equal(bullet(section, 'Value'), field.value, field.name);
    assert.equal(bullet(section, 'Default'), field.default, field.name);
  }
});

void test('every documented example is a conf', () => {
  for (const { name } of fields) {
    const example = /^`(.*)`$/.exec(bullet(sections.get(name) ?? '', 'Example'))?.[1] ?? '';
    const key = name.split('.').at(-1) ?? '';
    const written = object(JSON.parse(`{${example}}`));
    assert.deepEqual(Object.keys(written), [key], name);
    assert.doesNotThrow(() => parseMasterConf(confWith(name.split('.'), written), { baseDir: '/srv' }), name);
  }
});

void test('the conf at the top of the page is one', () => {
  const example = /```json\n(.*?)```/s.exec(docs)?.[1] ?? '';
  const conf = parseMasterConf(JSON.parse(example), { baseDir: '/srv' });
  assert.deepEqual(
    conf.sites.map(({ siteId }) => siteId),
    ['shop', 'fallback'],
  );
});

void test('the message that is shown for a wrong conf is the one that it gets', () => {
  const shown = /```\n(\/etc.*?)\n```/s.exec(docs)?.[1];
  const sites = [{ path: 'a' }, { path: 'b', lisen: [], bootTimeout: '30' }];
  const { message } = refusal(() => parseMasterConf({ sites }, { baseDir: '/srv' }));
  assert.equal(shown, message.replace(/^conf/, '/etc/vhostd/vhostd.config.json'));
});

void test('every supported extension is documented', () => {
  for (const extension of CONF_EXTENSIONS) assert.ok(docs.includes(`${extension}\``), extension);
});

interface Field {
  name: string;
  description: string;
  value: string;
  default: string;
}

function readSections(text: string): Map<string, string> {
  const [, ...parts] = text.split(/^### `(.+)`$/m);
  const found = new Map<string, string>();
  for (let index = 0; index < parts.length; index += 2) found.set(parts[index] ?? '', parts[index + 1] ?? '');
  return found;
}

function bullet(section: string, name: string): string {
  return new RegExp(`^- ${name}: (.+)$`, 'm').exec(section)?.[1] ?? '';
}

function fieldsOf(schema: unknown, prefix: string): Field[] {
  const { properties, required } = object(schema);
  return Object.entries(object(properties)).flatMap(([key, property]) => {
    const node = object(property);
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const isRequired = Array.isArray(required) && required.includes(key);
    const absent = isRequired ? 'none, it is required' : 'absent';
    const field = {
      name,
      description: String(node['description']),
      value: valueOf(node),
      default: 'default' in node ? `\`${JSON.stringify(node['default'])}\`` : absent,
    };
    const isList = node['type'] === 'array';
    return [field, ...fieldsOf(isList ? node['items'] : node, isList ? `${name}[]` : name)];
  });
}

/** What the line "Value" of a field has to say. */
function valueOf(node: Readonly<Record<string, unknown>>): string {
  const { type, minimum, maximum, minItems, pattern } = node;
  if (Array.isArray(node['anyOf'])) {
    const [written, count] = node['anyOf'].map(object);
    if (written !== undefined && count?.['type'] === 'object') return `${valueOf(written)}, or an object`;
    if (String(written?.['pattern']).startsWith('^[^-:'))
      return `name, or integer, \`${String(count?.['minimum'])}\` to \`${String(count?.['maximum'])}\``;
    const isDuration = String(written?.['pattern']).includes('seconds');
    const format = isDuration ? formatDuration : formatSize;
    const [from, to] = [format(Number(count?.['minimum'])), format(Number(count?.['maximum']))];
    return `${isDuration ? 'duration' : 'size'}, \`${from}\` to \`${to}\``;
  }
  if (Array.isArray(node['enum']))
    return `one of ${node['enum'].map((name) => `\`${String(name)}\``).join(', ')}`;
  if (type === 'number') return `number, \`${String(minimum)}\` to \`${String(maximum)}\``;
  if (type === 'integer') return `integer, \`${String(minimum)}\` to \`${String(maximum)}\``;
  if (type === 'array') return typeof minItems === 'number' ? `list, at least ${minItems}` : 'list';
  return typeof pattern === 'string' && pattern.startsWith('^(?!~') ? 'path' : String(type);
}

/** The smallest conf in which the object at `names`, without its last part, has the fields `written`. */
function confWith(names: readonly string[], written: object): object {
  const [name = '', ...rest] = names;
  if (name === 'eab' && rest.length > 0) return { eab: { kid: 'kid-1', key: 'a2V5', ...written } };
  if (name === 'otlp' && rest.length > 0) return { otlp: { endpoint: 'http://a.test', ...written } };
  if (name === 'fleet' && rest.length > 0) return { fleet: fleetWith(written) };
  if (rest.length === 0) return written;
  if (!name.endsWith('[]')) return { [name]: confWith(rest, written) };
  const required = name === 'sites[]' ? { path: './a' } : { port: 443 };
  // Key material is only right on an entry of type ssl.
  const ofSsl = ['key', 'cert', 'passphrase', 'minVersion', 'requestCert', 'ca'].some(
    (key) => key in written,
  );
  const implied = {
    ...(ofSsl ? { type: 'ssl' } : {}),
    ...('requestCert' in written ? { ca: 'clients.pem' } : {}),
    ...('ca' in written ? { requestCert: true } : {}),
  };
  const inner = rest.length === 1 ? { ...implied, ...written } : confWith(rest, written);
  return { [name.slice(0, -2)]: [{ ...required, ...inner }] };
}

/** Some of its fields go in pairs. */
function fleetWith(written: object): object {
  return {
    endpoints: ['https://10.0.0.1:2379'],
    machine: 'm1',
    address: '10.0.0.11',
    ...('user' in written || 'password' in written ? { user: 'm1', password: 'secret' } : {}),
    ...('cert' in written || 'key' in written ? { cert: 'm1.pem', key: 'm1.key' } : {}),
    ...written,
  };
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
