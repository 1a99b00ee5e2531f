// The two ends of a link between a process and the child that it forks.
import type { ChildProcess } from 'node:child_process';
import { VhostError } from '../errors.js';
import { forkWithPipe, LINK_FD } from '../node/fork-with-pipe.js';
import { createIpcPipe } from '../node/pipe-internals.js';
import { guardChannel } from './channel-guard.js';
import { IpcLink } from './ipc-link.js';
import { DEFAULT_LINK_LIMITS } from './link.js';
import type { Link, LinkLimits, LinkType } from './link.js';
import { PipeLink } from './pipe-link.js';

/** The environment variable that tells a child which link it was given. */
export const LINK_VARIABLE = 'VHOSTD_LINK';

/** How a child is forked with a link. */
export interface ForkLinkOptions {
  type: LinkType;
  limits?: Partial<LinkLimits>;
  /** Called when the child wrote to Node's own channel what it must not. */
  onViolation: (detail: string) => void;
}

/**
 * Forks a child with a link. `fork` is given variables for the child's environment and must create the child
 * synchronously with the stdio `[stdin, stdout, stderr, 'ipc']`; `processOf` tells its ChildProcess.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node has no such pipe; the child is killed.
 */
export function forkWithLink<T>(
  fork: (variables: Record<string, string>) => T,
  processOf: (child: T) => ChildProcess,
  options: ForkLinkOptions,
): { child: T; link: Link } {
  const variables = { [LINK_VARIABLE]: options.type };
  const limits = { ...DEFAULT_LINK_LIMITS, ...options.limits };
  if (options.type === 'ipc') {
    const child = fork(variables);
    const link = new IpcLink(processOf(child), limits);
    guardChannel(processOf(child), {
      allowHandles: true,
      // JSON writes a control character as six bytes.
      maxLineBytes: limits.maxPayloadBytes * 6 + 1024,
      onViolation: options.onViolation,
    });
    return { child, link };
  }
  const { child, pipe } = forkWithPipe(() => fork(variables));
  if (pipe === undefined) {
    processOf(child).kill('SIGKILL');
    throw new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} spawns children in an unknown way`, {
      info: { what: 'ChildProcess.prototype.spawn', node: process.version },
    });
  }
  guardChannel(processOf(child), { onViolation: options.onViolation });
  return { child, link: new PipeLink(pipe, limits) };
}

/**
 * This process's link to the process that forked it, or `undefined` when it was not forked by one of ours. To be
 * called once; the variable is removed, so that children of this process do not take it for theirs.
 * @throws {VhostError} ERR_LINK_OPEN when the descriptor is not there.
 */
export function openParentLink(limits: Partial<LinkLimits> = {}): Link | undefined {
  const type = process.env[LINK_VARIABLE];
  delete process.env[LINK_VARIABLE];
  if (type === undefined || process.channel === undefined) return undefined;
  if (type === 'ipc') return new IpcLink(process, limits);
  const pipe = createIpcPipe(process);
  const status = pipe.open(LINK_FD);
  if (status !== 0) {
    throw new VhostError(
      'ERR_LINK_OPEN',
      `descriptor ${LINK_FD} is no pipe to the parent (errno ${-status})`,
      {
        info: { fd: LINK_FD, status },
      },
    );
  }
  return new PipeLink(pipe, limits);
}
