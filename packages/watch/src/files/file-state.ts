// What tells one version of a file from another without reading it.
import type { Stats } from 'node:fs';
import { statOf } from './path-lookups.js';

/** A file at one moment. Its inode tells a file that was replaced, as editors do. */
export interface FileState {
  readonly size: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

/** The file's state; undefined if there is none, or something else than a regular file. */
export function readFileState(path: string): FileState | undefined {
  const stats = statOf(path);
  return stats?.isFile() === true ? fileStateOf(stats) : undefined;
}

export function fileStateOf({ size, mtimeMs, ino }: Stats): FileState {
  return { size, modifiedMs: mtimeMs, inode: ino };
}

/** Whether nothing was written: a change of mode or owner is none. */
export function isSameState(one: FileState | undefined, other: FileState | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.size === other.size && one.modifiedMs === other.modifiedMs && one.inode === other.inode;
}
