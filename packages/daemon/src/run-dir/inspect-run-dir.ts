// What lies in a run directory, for who looks for faults. Nothing is changed.
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { inspectPidFile, isAlive, readIdentity } from '@vhostd/supervisor';
import { whyUnsafe } from './own-directory.js';
import { OWN_NAME, resolveRunDir } from './run-dir.js';

/** A run directory as it was found. */
export interface RunDirState {
  /** Absolute. */
  readonly path: string;
  readonly exists: boolean;
  /** Why `vhostd run` refuses the directory; undefined where it does not. */
  readonly unsafe?: string;
  /** The process that its PID file names, and whether that very process lives. */
  readonly holder?: { readonly pid: number; readonly lives: boolean };
  /** What is wrong with the PID file itself. */
  readonly pidFileFault?: string;
  readonly hasControlSocket: boolean;
  /** Names of what no daemon puts there. */
  readonly foreign: readonly string[];
  /** Names of what is another user's, with its uid. */
  readonly othersFiles: readonly { readonly name: string; readonly uid: number }[];
  /** Names of what daemons that were killed left in the making. */
  readonly stale: readonly string[];
}

/** @throws {Error} the system's, where the directory may not be read. */
export function inspectRunDir(given?: string): RunDirState {
  const runDir = resolveRunDir(given);
  const status = lstatSync(runDir.path, { throwIfNoEntry: false });
  const none = { path: runDir.path, hasControlSocket: false, foreign: [], othersFiles: [], stale: [] };
  if (status === undefined) return { ...none, exists: false };
  const unsafe = whyUnsafe(status);
  if (!status.isDirectory()) return { ...none, exists: true, ...(unsafe === undefined ? {} : { unsafe }) };
  const names = readdirSync(runDir.path);
  return {
    path: runDir.path,
    exists: true,
    ...(unsafe === undefined ? {} : { unsafe }),
    ...pidFileState(runDir.pidFile),
    hasControlSocket: names.includes(path.basename(runDir.controlSocket)),
    foreign: names.filter((name) => !OWN_NAME.test(name)),
    othersFiles: names.flatMap((name) => {
      const uid = lstatSync(path.join(runDir.path, name), { throwIfNoEntry: false })?.uid;
      return uid === undefined || uid === process.getuid?.() ? [] : [{ name, uid }];
    }),
    stale: names.filter((name) => {
      const [, pid] = IN_THE_MAKING.exec(name) ?? [];
      return pid !== undefined && readIdentity(Number(pid)) === undefined;
    }),
  };
}

function pidFileState(file: string): Pick<RunDirState, 'holder' | 'pidFileFault'> {
  const content = inspectPidFile(file);
  if (content.kind === 'none') return {};
  if (content.kind === 'unsafe') return { pidFileFault: content.reason };
  if (content.kind === 'garbage') return { pidFileFault: 'it is not what vhostd writes' };
  return { holder: { pid: content.identity.pid, lives: isAlive(content.identity) } };
}

/** A PID file, or a control socket, before it has its name; the number is its maker's pid. */
const IN_THE_MAKING = /^(?:daemon\.pid\.|\.c)(\d+)(?:\.tmp)?$/u;
