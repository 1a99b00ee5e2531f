// Which conf file is meant.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { CONF_EXTENSIONS } from '@vhostd/master/conf-extensions';
import { VhostError } from '@vhostd/protocol';
import { workingDirectory } from './working-directory.js';

/**
 * The given one, else the `vhostd.config.*` of the working directory, as an absolute path.
 * @throws {VhostError} ERR_CONF_NOT_FOUND: it is not there, or there are several and none is given.
 */
export function confFile(given: string | undefined, directory: string = workingDirectory()): string {
  if (given !== undefined) {
    const file = path.resolve(directory, given);
    if (existsSync(file)) return file;
    throw new VhostError('ERR_CONF_NOT_FOUND', `${file}: there is no such conf file`, { info: { file } });
  }
  const found = foundConfFiles(directory);
  const [only, other] = found;
  if (only !== undefined && other === undefined) return only;
  const names = found.map((file) => path.basename(file)).join(', ');
  const message =
    only === undefined
      ? `there is no ${NAME}${CONF_EXTENSIONS.slice(0, -1).join(', ')} or ${CONF_EXTENSIONS.at(-1)} in ${directory}`
      : `there are several conf files in ${directory}: ${names}; name one with --config`;
  throw new VhostError('ERR_CONF_NOT_FOUND', message, { info: { directory } });
}

/** Whether a file is one by its name: a file of data is, whatever its name, a program only by the usual one. */
export function isConfFile(file: string): boolean {
  const { base, ext } = path.parse(file);
  return CONF_EXTENSIONS.includes(ext) && (base === `${NAME}${ext}` || !PROGRAM.test(ext));
}

/** The conf files of a directory, as absolute paths. */
export function foundConfFiles(directory: string): string[] {
  return CONF_EXTENSIONS.map((extension) => path.join(directory, `${NAME}${extension}`)).filter((file) =>
    existsSync(file),
  );
}

const NAME = 'vhostd.config';
const PROGRAM = /^\.[cm]?[jt]s$/u;
