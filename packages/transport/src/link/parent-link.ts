// The end of a link that a forked child has to its parent.
import { fstatSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import { LINK_FD } from '../node/fork-with-pipe.js';
import { createIpcPipe, createPlainPipe } from '../node/pipe-internals.js';
import { DescriptorSender } from './descriptor-passing.js';
import { IpcLink } from './ipc-link.js';
import type { BatchOffer, Link, LinkLimits } from './link.js';
import { Claims } from './offers.js';
import { PipeLink } from './pipe-link.js';
import { getBuiltinModule } from '../node/builtin.js';

/** The environment variable that tells a child which link it was given. */
export const LINK_VARIABLE = 'VHOSTD_LINK';

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
  const batchOffer = readBatchOffer();
  if (type === 'ipc') return process.send === undefined ? undefined : new IpcLink(process, limits);
  const oneWay = type === ONE_WAY || type === ONE_WAY_WITH_HANDLES;
  if ((type !== 'pipe' && !oneWay) || process.send === undefined) return undefined;
  if (!process.connected && !evenOrphaned) throw cannotOpen('the parent is gone', { fd: LINK_FD });
  const pipe = createIpcPipe(process);
  const status = isSocket(LINK_FD) ? pipe.open(LINK_FD) : notASocket();
  if (status === 0 && !oneWay) return new PipeLink(pipe, limits);
  const data = createPlainPipe();
  if (status === 0 && data.open(DATA_FD) === 0) {
    const returns = type === ONE_WAY_WITH_HANDLES ? createIpcPipe(process) : undefined;
    const sender = returns?.open(RETURNS_FD) === 0 ? new DescriptorSender(returns) : null;
    return new PipeLink(data, limits, {
      source: pipe,
      sender,
      claims: new Claims(CLAIMS_FD),
      ...(batchOffer === undefined ? {} : { batchOffer }),
    });
  }
  data.close();
  pipe.close();
  throw cannotOpen(`descriptor ${LINK_FD} is no pipe to the parent (errno ${-status})`, {
    fd: LINK_FD,
    status,
  });
}

/** The environment variable that tells a child where it can be sent connections in batches; removed when read. */
export const BATCHES_VARIABLE = 'VHOSTD_BATCHES';

/** The value of the variable. */
export function encodeBatchOffer({ fds, wish }: BatchOffer): string {
  return [...fds, wish].join();
}

function readBatchOffer(): BatchOffer | undefined {
  const [socket = NaN, numbers = NaN, wish] = (process.env[BATCHES_VARIABLE] ?? '').split(',');
  delete process.env[BATCHES_VARIABLE];
  const fds = [Number(socket), Number(numbers)] as const;
  if (!fds.every((fd) => Number.isInteger(fd) && fd > LINK_FD) || !isSocket(fds[0])) return undefined;
  return { fds, wish: wish === 'always' ? wish : 'busy' };
}

/** Whether a descriptor of this process is a socket. */
export function isSocket(fd: number): boolean {
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

/** What the variable says of a link of type `pipe` to a process that does not trust this one. */
export const ONE_WAY = 'one-way';
/** Likewise, where this process can send handles. */
export const ONE_WAY_WITH_HANDLES = 'one-way+handles';
/** Where the child's frames go then, where it claims what it is sent, and where its handles go. */
export const DATA_FD: number = LINK_FD + 1;
export const CLAIMS_FD: number = LINK_FD + 2;
export const RETURNS_FD: number = LINK_FD + 3;

/** libuv's status for ENOTSOCK. */
function notASocket(): number {
  return -getBuiltinModule('node:os').constants.errno.ENOTSOCK;
}
