// A file of keys or certificates that anybody may have put there: it is not waited for, and has an end.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** Its text. @throws {Error} it can't be read, is no file (as a pipe is), or is longer than keys are. */
export function readPemFile(file: string): string {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new Error('it is not a file');
    if (status.size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** A bundle of all public authorities has a fifth of it. */
const MAX_BYTES = 1024 * 1024;
