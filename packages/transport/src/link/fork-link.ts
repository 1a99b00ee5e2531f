// The end of a link that a process has to a child which it forks and trusts as itself, such as a master its daemon.
import type { ChildProcess } from 'node:child_process';
import type { LinkType } from '@vhostd/protocol';
import { forkWithExtras, LINK_FD, unknownSpawn } from '../node/fork-with-pipe.js';
import type { ExtraEntry } from '../node/fork-with-pipe.js';
import { guardChannel } from './channel-guard.js';
import { GUARD_VARIABLE } from './guard-pipe.js';
import { IpcLink } from './ipc-link.js';
import { DEFAULT_LINK_LIMITS } from './link.js';
import type { Link, LinkLimits } from './link.js';
import { LINK_VARIABLE } from './parent-link.js';
import { PipeLink } from './pipe-link.js';

/** How a child is forked with a link. */
export interface ForkLinkOptions {
  type: LinkType;
  limits?: Partial<LinkLimits>;
  /** Called when the child wrote to Node's own channel what it must not. */
  onViolation: (detail: string) => void;
  /** The end of a guard's pipe that the child is to hold, too. */
  guardFd?: number | undefined;
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
  const { type, onViolation, guardFd } = options;
  const limits = { ...DEFAULT_LINK_LIMITS, ...options.limits };
  const variables: Record<string, string> = { [LINK_VARIABLE]: type };
  const extras: ExtraEntry[] = type === 'pipe' ? ['pipe'] : [];
  if (guardFd !== undefined) {
    variables[GUARD_VARIABLE] = String(LINK_FD + extras.length);
    extras.push(guardFd);
  }
  const { child, pipes } = forkWithExtras(() => fork(variables), extras);
  const [pipe] = pipes;
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
