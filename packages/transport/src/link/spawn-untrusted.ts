// A child that is not trusted and has no link: all that it can do to this process is print.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { FifoReader } from '../node/fifo-reader.js';
import { fifos } from '../node/fifo.js';
import type { Fifo } from '../node/fifo.js';
import { inheritedDescriptors } from '../node/inherited-descriptors.js';

/** How such a child is started. */
export interface SpawnUntrustedOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A child that prints. */
export interface PrintingChild {
  readonly child: ChildProcess;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/**
 * Starts a program with a session, and so a process group, of its own. What it prints comes over FIFOs; it gets nothing
 * to read and no other descriptor. A program that is not there is told by 'error' of the child.
 * @throws {VhostError} ERR_FIFO; or the system's error (EMFILE).
 */
export function spawnUntrusted(
  file: string,
  args: readonly string[],
  options: SpawnUntrustedOptions,
): PrintingChild {
  const made: Fifo[] = [];
  const nothing = openSync('/dev/null', 'r');
  try {
    made.push(fifos.take());
    made.push(fifos.take());
    const [out, err] = made as [Fifo, Fifo];
    const stdio: ('ignore' | number)[] = [nothing, out.writeFd, err.writeFd];
    // What reads as nothing stands in the place of descriptors that the child would get beside those.
    for (const fd of inheritedDescriptors()) {
      while (stdio.length < fd) stdio.push('ignore');
      stdio.push(nothing);
    }
    const child = spawn(file, args, { ...options, stdio, detached: true });
    const [stdout, stderr] = [new FifoReader(out.readFd), new FifoReader(err.readFd)];
    for (const { writeFd } of made.splice(0)) closeSync(writeFd);
    // Another process may go on printing where this one did; nobody waits for it for ever.
    child.once('exit', () => {
      setTimeout(() => [stdout, stderr].forEach((stream) => stream.destroy()), LAST_OUTPUT_MS).unref();
    });
    return { child, stdout, stderr };
  } finally {
    closeSync(nothing);
    for (const { readFd, writeFd } of made) [readFd, writeFd].forEach((fd) => closeSync(fd));
  }
}

/** How long what a process has printed is read when it has exited, ms: another one may hold its output open. */
const LAST_OUTPUT_MS = 5000;
