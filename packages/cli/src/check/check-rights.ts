// Whether the user of a site may have a file, by its mode and those of the directories above it: this command may be root,
// which may have all.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { SiteConf } from '@vhostd/master';

/** Whom a site's workers run as. */
type RunAs = NonNullable<SiteConf['runAs']>;

/** What is needed of it. */
export type Right = 'read' | 'enter';

/**
 * The file or the directory above it that stands in the way; undefined where nothing does, and where it is not there.
 * Access control lists, which may grant more, are not looked at.
 */
export function barrierFor(
  file: string,
  user: RunAs,
  right: Right = 'read',
  groupFile = '/etc/group',
): string | undefined {
  if (user.uid === 0) return undefined;
  const groups = new Set([user.gid, ...groupsOf(user.name, groupFile)]);
  const above: string[] = [];
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    above.unshift(at);
    if (at === path.dirname(at)) break;
  }
  const needed = [
    ...above.map((at) => [at, ENTER] as const),
    [file, right === 'read' ? READ : ENTER] as const,
  ];
  return needed.find(([at, bit]) => !isGranted(at, bit, user.uid, groups))?.[0];
}

/** As path_resolution(7) has it: the first class that fits decides. */
function isGranted(file: string, bit: number, uid: number, groups: ReadonlySet<number>): boolean {
  const status = statSync(file, { throwIfNoEntry: false });
  if (status === undefined) return true;
  if (status.uid === uid) return (status.mode & (bit << 6)) !== 0;
  return (status.mode & (groups.has(status.gid) ? bit << 3 : bit)) !== 0;
}

/** Those beside its own, group(5). */
function groupsOf(name: string | undefined, groupFile: string): number[] {
  if (name === undefined) return [];
  let text: string;
  try {
    text = readFileSync(groupFile, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [, , gid, members = ''] = line.split(':');
    return members.split(',').includes(name) ? [Number(gid)] : [];
  });
}

const READ = 0o4;
const ENTER = 0o1;
