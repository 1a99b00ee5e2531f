// The two ends of a link between a process and the child that it forks.
import type { ChildProcess } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { VhostError } from '@vhostd/protocol';
import { forkWithPipe, LINK_FD } from '../node/fork-with-pipe.js';
import { createIpcPipe } from '../node/pipe-internals.js';
import { guardChannel } from './channel-guard.js';
import { IpcLink } from './ipc-link.js';
import { DEFAULT_LINK_LIMITS } from './link.js';
import type { LinkType } from '@vhostd/protocol';
import type { Link, LinkLimits } from './link.js';
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
 * synchronously with the stdio `[stdin, stdout, stderr, 'ipc']` and the serialization `json`; `processOf` tells its
 * ChildProcess. Where no process could be started (no descriptors, no such file), the child emits 'error' as ever and
 * the link ends as soon as it is started.
 * @throws {VhostError} ERR_NODE_INTERNALS where this Node has no such pipe; the child is killed.
 */
export function forkWithLink<T>(
  fork: (variables: Record<string, string>) => T,
  processOf: (child: T) => ChildProcess,
  options: ForkLinkOptions,
): { child: T; link: Link } {
  const { type, onViolation } = options;
  const limits = { ...DEFAULT_LINK_LIMITS, ...options.limits };
  const variables = { [LINK_VARIABLE]: type };
  const { child, pipe } =
    type === 'pipe' ? forkWithPipe(() => fork(variables)) : { child: fork(variables), pipe: undefined };
  const forked = processOf(child);
  // JSON writes a control character as six bytes.
  const overChannel = { allowHandles: true, maxLineBytes: limits.maxPayloadBytes * 6 + 1024 };
  try {
    if (type === 'pipe' && pipe === undefined) throw unknownSpawn();
    if (forked.pid !== undefined) guardChannel(forked, { ...(type === 'ipc' && overChannel), onViolation });
  } catch (error) {
    pipe?.close();
    forked.kill('SIGKILL');
    throw error;
  }
  return { child, link: pipe === undefined ? new IpcLink(forked, limits) : new PipeLink(pipe, limits) };
}

function unknownSpawn(): VhostError {
  return new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} spawns children in an unknown way`, {
    info: { what: 'ChildProcess.prototype.spawn', node: process.version },
  });
}

/** How a child opens its link. */
export interface ParentLinkOptions {
  limits?: Partial<LinkLimits>;
  /**
   * Opens it also when the parent is gone already: what that had sent is delivered before the link's end. Of a link of
   * type `ipc` nothing is left then. Default false.
   */
  evenOrphaned?: boolean;
}

/**
 * This process's link to the process that forked it, or `undefined` when it was not forked by one of ours. To be
 * called once; the variable is removed, so that children of this process do not take it for theirs.
 * @throws {VhostError} ERR_LINK_OPEN when the descriptor is not there, or the parent is gone already.
 */
export function openParentLink({ limits = {}, evenOrphaned = false }: ParentLinkOptions = {}):
  Link | undefined {
  const type = process.env[LINK_VARIABLE];
  delete process.env[LINK_VARIABLE];
  if (type === 'ipc') return process.send === undefined ? undefined : new IpcLink(process, limits);
  if (type !== 'pipe' || process.send === undefined) return undefined;
  if (!process.connected && !evenOrphaned) throw cannotOpen('the parent is gone', { fd: LINK_FD });
  const pipe = createIpcPipe(process);
  const status = isSocket(LINK_FD) ? pipe.open(LINK_FD) : NOT_A_SOCKET;
  if (status === 0) return new PipeLink(pipe, limits);
  pipe.close();
  throw cannotOpen(`descriptor ${LINK_FD} is no pipe to the parent (errno ${-status})`, {
    fd: LINK_FD,
    status,
  });
}

function isSocket(fd: number): boolean {
  try {
    // As bigint: Node 20 and 22 keep the plain form's result for realpathSync, which then takes the next module that
    // is required through a symbolic link to lie where the link does.
    return fstatSync(fd, { bigint: true }).isSocket();
  } catch {
    return false;
  }
}

function cannotOpen(why: string, info: Record<string, unknown>): VhostError {
  return new VhostError('ERR_LINK_OPEN', why, { info });
}

/** libuv's status for ENOTSOCK. */
const NOT_A_SOCKET: number = -constants.errno.ENOTSOCK;
