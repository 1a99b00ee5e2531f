// The variables that a site's conf names, with those that lie in files: an `.env`, secrets, credentials of systemd. They
// are read as the site's logs are opened: what its own user may have put there leads to nothing that is not its own.
import path from 'node:path';
import { parseEnv } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { VariableSource } from '../conf/fields.js';
import type { SiteConf } from '../conf/site-conf.js';
import { readSiteFile } from '../node/site-file.js';

/** Whether a file has to be read for them. */
export function readsVariables({ envFile, workerOptions }: SiteConf): boolean {
  return envFile !== undefined || workerOptions.envFrom !== undefined;
}

/**
 * Those of `envFile`, then those of `env`, which win. The end of the last line of a secret is no part of it.
 * @throws {VhostError} ERR_SITE_ENV.
 */
export async function readVariables(conf: SiteConf): Promise<Record<string, string>> {
  const { env, envFrom = {} } = conf.workerOptions;
  const ofFile = conf.envFile === undefined ? {} : await readEnvFile(conf, conf.envFile);
  const secrets = await Promise.all(
    Object.entries(envFrom).map(async ([name, source]) => [name, await readSecret(conf, name, source)]),
  );
  return { ...ofFile, ...env, ...(Object.fromEntries(secrets) as Record<string, string>) };
}

async function readEnvFile(conf: SiteConf, file: string): Promise<Record<string, string>> {
  const text = await readText(conf, 'envFile', file, ENV_FILE_MAX_BYTES);
  return parseEnvText(text.startsWith('\u{feff}') ? text.slice(1) : text);
}

/** Node 20 makes lines without `=` a part of the next name, and keeps a tab in front of one. */
export function parseEnvText(text: string): Record<string, string> {
  const named = Object.entries(parseEnv(text)).map(([name, value = '']): [string, string] => [
    name.slice(name.lastIndexOf('\n') + 1).trim(),
    value,
  ]);
  return Object.fromEntries(named.filter(([name]) => VARIABLE_NAME.test(name)));
}

async function readSecret(conf: SiteConf, name: string, source: VariableSource): Promise<string> {
  const text = await readText(conf, `env.${name}`, fileOf(conf, name, source), SECRET_MAX_BYTES);
  return text.replace(/\r?\n$/u, '');
}

function fileOf(conf: SiteConf, name: string, source: VariableSource): string {
  if ('file' in source) return source.file;
  const directory = process.env['CREDENTIALS_DIRECTORY'];
  if (directory !== undefined && path.isAbsolute(directory)) return path.join(directory, source.credential);
  const why =
    'there are no credentials: $CREDENTIALS_DIRECTORY is not set, as systemd does with LoadCredential=';
  throw envError(conf, `env.${name}`, source.credential, why);
}

async function readText(conf: SiteConf, field: string, file: string, maxBytes: number): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readSiteFile(file, maxBytes, foreignUserOf(conf.runAs));
  } catch (error) {
    throw envError(conf, field, file, reasonOf(error), error);
  }
  if (bytes.includes(0))
    throw envError(conf, field, file, 'it holds a null character, which no variable can');
  return bytes.toString('utf8');
}

function envError(
  { siteId }: SiteConf,
  field: string,
  file: string,
  reason: string,
  cause?: unknown,
): VhostError {
  const message = `site ${siteId}: ${field} cannot be read from ${file}: ${reason}`;
  return new VhostError('ERR_SITE_ENV', message, { info: { siteId, field, file }, cause });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  return error instanceof Error ? error.message : String(error);
}

const VARIABLE_NAME = /^[^\s=]+$/u;
/** Of one variable Linux takes 128 KiB, of all of them 2 MiB at the most (execve(2)). */
const SECRET_MAX_BYTES = 64 * 1024;
const ENV_FILE_MAX_BYTES = 256 * 1024;
