// Where a process is started: in a directory that is there, since one that is not lets the start itself fail.
import { statSync } from 'node:fs';

/** The directory that is wanted; `/` where it has been removed. */
export function workingDirectory(wanted: string): string {
  return statSync(wanted, { throwIfNoEntry: false })?.isDirectory() === true ? wanted : '/';
}
