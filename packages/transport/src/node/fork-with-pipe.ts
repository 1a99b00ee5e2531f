// Gives a forked child more descriptors than Node lets one: IPC pipes that Node itself does not read, and descriptors
// of this process. Node allows one 'ipc' entry in stdio, so the entries are added at the last moment, where the
// process handle is told to spawn.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; link/pipe-link.test.ts fails where it changes.
import { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import type { NativePipe } from './native-handle.js';
import { inheritedDescriptors } from './inherited-descriptors.js';
import { createIpcPipe } from './pipe-internals.js';

/** The descriptor of the first extra entry in the child: behind stdin, stdout, stderr and Node's channel. */
export const LINK_FD = 4;

interface StdioEntry {
  type: string;
  ipc?: boolean;
  handle?: { constructor: unknown };
  fd?: number;
}
/** `spawn({ stdio, … })` up to Node 22, `spawn(file, args, cwd, env, stdio, …)` from 24 on. */
interface ProcessHandle {
  spawn: (...args: unknown[]) => number;
}

/** What the child gets: one end of a new pipe, whose other end this process does not read, or a descriptor. */
export type ExtraEntry = 'pipe' | number;

/**
 * Runs `fork`, which must create exactly one child synchronously with the stdio
 * `[stdin, stdout, stderr, 'ipc']`, and returns the child and this end of each extra pipe; no pipe where this
 * Node spawns in another way.
 */
export function forkWithExtras<T>(
  fork: () => T,
  extras: readonly ExtraEntry[],
): { child: T; pipes: NativePipe[] } {
  const prototype = ChildProcess.prototype as unknown as {
    spawn: (this: object, options: object) => unknown;
  };
  const spawn = prototype.spawn;
  const pipes: NativePipe[] = [];
  const unknown = inheritedDescriptors();
  const nothing = unknown.length === 0 ? undefined : openSync('/dev/null', 'r');
  prototype.spawn = function addExtras(options) {
    const handle = Reflect.get(this, '_handle') as ProcessHandle | undefined;
    if (typeof handle?.spawn === 'function') {
      const spawnNative = handle.spawn;
      handle.spawn = (...args) => {
        const added = args.map((argument) => {
          const stdio = isStdio(argument) ? argument : stdioOf(argument);
          const channel = stdio?.find((entry) => entry.ipc === true)?.handle;
          if (stdio === undefined || channel === undefined || stdio.length !== LINK_FD) return argument;
          const constructor = channel.constructor as new (type: number) => NativePipe;
          const longer = [...stdio, ...extras.map((extra) => entryOf(extra, constructor, pipes))];
          if (nothing !== undefined) hide(unknown, nothing, longer);
          return stdio === argument ? longer : { ...(argument as object), stdio: longer };
        });
        return spawnNative.apply(handle, added);
      };
    }
    return spawn.call(this, options);
  };
  let child: T;
  try {
    child = fork();
  } catch (error) {
    for (const pipe of pipes) pipe.close();
    throw error;
  } finally {
    prototype.spawn = spawn;
    if (nothing !== undefined) closeSync(nothing);
  }
  return { child, pipes };
}

/** Puts what reads as nothing in the place of descriptors that the child would get beside those that it is given. */
function hide(unknown: readonly number[], nothing: number, stdio: StdioEntry[]): void {
  for (const fd of unknown) {
    if (fd < stdio.length) continue;
    while (stdio.length < fd) stdio.push({ type: 'ignore' });
    stdio.push({ type: 'fd', fd: nothing });
  }
}

function entryOf(
  extra: ExtraEntry,
  constructor: new (type: number) => NativePipe,
  pipes: NativePipe[],
): StdioEntry {
  if (typeof extra === 'number') return { type: 'fd', fd: extra };
  const pipe = createIpcPipe(constructor);
  pipes.push(pipe);
  return { type: 'pipe', handle: pipe };
}

function isStdio(value: unknown): value is StdioEntry[] {
  return Array.isArray(value) && value.some((entry) => (entry as StdioEntry | undefined)?.ipc === true);
}

function stdioOf(value: unknown): StdioEntry[] | undefined {
  if (typeof value !== 'object' || value === null || !('stdio' in value)) return undefined;
  return isStdio(value.stdio) ? value.stdio : undefined;
}

/** The error for a Node that spawns children in another way. */
export function unknownSpawn(): VhostError {
  return new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} spawns children in an unknown way`, {
    info: { what: 'ChildProcess.prototype.spawn', node: process.version },
  });
}
