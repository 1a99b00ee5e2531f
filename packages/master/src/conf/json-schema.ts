// The JSON Schema of a conf file, for editors and other tools. Run as a script it writes the file that ships
// with the package: `node packages/master/dist/conf/json-schema.js`, then prettier on the file.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { z } from '@vhostd/protocol/schemas';
import { masterFileSchema } from './master-schema.js';

/** Text of conf.schema.json: JSON Schema draft 7, which is what editors know best, of what a file may say. */
export function renderJsonSchema(): string {
  const schema = z.toJSONSchema(masterFileSchema, { io: 'input', target: 'draft-7' });
  return `${JSON.stringify({ title: 'vhostd.config', ...schema }, null, 2)}\n`;
}

/** Where the package keeps the file. */
export const JSON_SCHEMA_URL: URL = new URL(import.meta.resolve('@vhostd/master/conf.schema.json'));

const [, script] = process.argv;
if (script !== undefined && pathToFileURL(script).href === import.meta.url) {
  writeFileSync(JSON_SCHEMA_URL, renderJsonSchema());
}
