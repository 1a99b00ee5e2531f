// What there is at a path at this moment: whatever stands in the way of an answer, there is nothing.
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';

/** What a path leads to, links followed; undefined if to nothing, or nothing that this user may see. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // ELOOP, EACCES, ENOTDIR, a file system that is gone
    return undefined;
  }
}

/** The names in a folder; undefined: it can't be read. */
export function listed(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch {
    return undefined;
  }
}

/** Of the link, where it is one; undefined: there is nothing, or nothing that can be looked at. */
export function lstatOf(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Behind all links; undefined: they lead nowhere. */
export function realPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
