// A release of a site on disk, whose answers tell what it is and how it was started.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { get } from '../../kit/ask-site.js';

/** What a release answers, as JSON. */
export interface ReleaseAnswer {
  /** Of the file itself, and of one that it requires. */
  version: string;
  libVersion: string;
  dirname: string;
  cwd: string;
  main: string;
  args: string[];
  execArgv: string[];
  env: Record<string, string>;
  uid: number;
  gid: number;
  pid: number;
  generation: number;
}

/** Writes `server.cjs` and what it requires into a directory. */
export function writeRelease(dir: string, version: string): void {
  mkdirSync(join(dir, 'lib'), { recursive: true });
  writeFileSync(join(dir, 'lib/version.cjs'), `module.exports = ${JSON.stringify(version)};\n`);
  writeFileSync(join(dir, 'server.cjs'), code(version));
}

/** What the site answers on a connection of its own. */
export async function askRelease(port: number, host: string): Promise<ReleaseAnswer> {
  const { status, body } = await get(port, host);
  if (status !== 200) throw new Error(`status ${status}: ${body.toString()}`);
  return JSON.parse(body.toString()) as ReleaseAnswer;
}

function code(version: string): string {
  return `const { createServer } = require('node:http');
const worker = require(${JSON.stringify(fileURLToPath(import.meta.resolve('@vhostd/worker')))});
const answer = () => ({
  version: ${JSON.stringify(version)},
  libVersion: require('./lib/version.cjs'),
  dirname: __dirname,
  cwd: process.cwd(),
  main: require.main.filename,
  args: process.argv.slice(2),
  execArgv: process.execArgv,
  env: Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('SITE_'))),
  uid: process.getuid(),
  gid: process.getgid(),
  pid: process.pid,
  generation: worker.generation,
});
worker.server = createServer((request, response) => {
  const text = JSON.stringify(answer());
  const delayMs = Number(/^\\/slow\\/(\\d+)/.exec(request.url)?.[1] ?? 0);
  setTimeout(() => response.end(text), delayMs);
});
`;
}
