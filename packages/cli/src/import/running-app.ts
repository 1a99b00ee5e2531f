// Which program of Node listens on a port now, as /proc tells.
import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { listeningSockets, ownerOf } from '../check/listening-sockets.js';
import type { RunningApp } from './join-sources.js';

/** Undefined where nobody listens, this user may not see who does, or it is no file run by Node. */
export function runningAppAt(port: number): RunningApp | undefined {
  const socket = listeningSockets()?.find((each) => each.port === port);
  const owner = socket === undefined ? undefined : ownerOf(socket);
  if (owner === undefined) return undefined;
  try {
    const cwd = readlinkSync(`/proc/${owner.pid}/cwd`);
    const [program = '', ...args] = readFileSync(`/proc/${owner.pid}/cmdline`, 'utf8').split('\0');
    const file = args.find((word) => word !== '' && !word.startsWith('-'));
    if (path.basename(program) !== 'node' || file === undefined) return undefined;
    return { cwd, file: path.resolve(cwd, file) };
  } catch {
    return undefined;
  }
}
