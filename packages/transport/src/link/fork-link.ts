// The two ends of a link between a process and the child that it forks: one that is trusted with what this process
// is, such as a master's daemon, or one that is not, such as a site's worker.
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { VhostError } from '@vhostd/protocol';
import { startCloseWatchdog } from '../node/close-watchdog.js';
import { dispose } from '../node/dispose.js';
import { fifos } from '../node/fifo.js';
import type { Fifo } from '../node/fifo.js';
import { forkWithExtras, LINK_FD } from '../node/fork-with-pipe.js';
import { nativeCalls } from '../node/native-calls.js';
import type { NativePipe } from '../node/native-handle.js';
import {
  channelHandle,
  createIpcPipe,
  createPlainPipe,
  endChannel,
  ignoreChannel,
} from '../node/pipe-internals.js';
import { guardChannel } from './channel-guard.js';
import { DescriptorReceiver, DescriptorSender } from './descriptor-passing.js';
import { IpcLink } from './ipc-link.js';
import { DEFAULT_LINK_LIMITS } from './link.js';
import type { LinkType } from '@vhostd/protocol';
import type { Link, LinkLimits } from './link.js';
import { PipeLink } from './pipe-link.js';
import type { ReadingShare } from './reading-share.js';

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
  const extras = type === 'pipe' ? (['pipe'] as const) : [];
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

function unknownSpawn(): VhostError {
  return new VhostError('ERR_NODE_INTERNALS', `Node ${process.version} spawns children in an unknown way`, {
    info: { what: 'ChildProcess.prototype.spawn', node: process.version },
  });
}

/** How a child that is not trusted is forked with a link. */
export interface ForkUntrustedOptions extends ForkLinkOptions {
  /** What reading from it may cost, with others of its kind. */
  share?: ReadingShare;
  /** Whether it may send handles back, where this process can receive them safely. Default true. */
  handlesBack?: boolean;
}

/** What `fork` of {@link forkUntrusted} must use. */
export interface UntrustedFork {
  variables: Record<string, string>;
  stdio: ('ignore' | 'pipe' | 'ipc' | number)[];
}

/** A child that is not trusted. */
export interface Untrusted<T> {
  child: T;
  link: Link;
  /** What it prints; null where no process could be started. */
  stdout: Readable | null;
  stderr: Readable | null;
}

/**
 * Forks a child with a link, as {@link forkWithLink} does, that may do whatever it wants with its descriptors: with a
 * link of type `pipe` nothing that it sends or prints can abort, block or fill this process. What it says and prints
 * comes over FIFOs; Node's own channel to it is written to, and not read; descriptors come over a socket of their own,
 * and only where this process can look at them ({@link Link.receivesHandles}). With type `ipc` it is guarded as far as
 * that can be.
 * @throws {VhostError} ERR_NODE_INTERNALS, ERR_FIFO; or the system's error where no process can be started at all.
 */
export function forkUntrusted<T>(
  fork: (how: UntrustedFork) => T,
  processOf: (child: T) => ChildProcess,
  options: ForkUntrustedOptions,
): Untrusted<T> {
  if (options.type === 'ipc') {
    const stdio: UntrustedFork['stdio'] = ['ignore', 'pipe', 'pipe', 'ipc'];
    const { child, link } = forkWithLink((variables) => fork({ variables, stdio }), processOf, options);
    const forked = processOf(child);
    forked.once('exit', () => link.peerExited());
    return { child, link, stdout: forked.stdout, stderr: forked.stderr };
  }
  startCloseWatchdog();
  const calls = options.handlesBack === false ? undefined : nativeCalls();
  const made: Fifo[] = [];
  try {
    for (let count = 0; count < 3; count += 1) made.push(fifos.take());
    const [out, err, data] = made as [Fifo, Fifo, Fifo];
    const variables = { [LINK_VARIABLE]: calls === undefined ? ONE_WAY : ONE_WAY_WITH_HANDLES };
    const stdio: UntrustedFork['stdio'] = ['ignore', out.writeFd, err.writeFd, 'ipc'];
    const extras = ['pipe', data.writeFd, ...(calls === undefined ? [] : (['pipe'] as const))] as const;
    const { child, pipes } = forkWithExtras(() => fork({ variables, stdio }), extras);
    const forked = processOf(child);
    const [pipe, returns] = pipes;
    try {
      if (pipe === undefined) throw unknownSpawn();
      if (forked.pid !== undefined) ignoreChannel(forked);
    } catch (error) {
      for (const opened of pipes) opened.close();
      forked.kill('SIGKILL');
      throw error;
    }
    nativeCalls()?.stopReceiving(pipe.fd);
    const source = createPlainPipe();
    source.open(data.readFd);
    const [stdout, stderr] = [out, err].map(({ readFd }) => new Socket({ fd: readFd, writable: false }));
    made.length = 0;
    for (const { writeFd } of [out, err, data]) closeSync(writeFd);
    const link = new PipeLink(pipe, options.limits, {
      source,
      receiver: returns === undefined || calls === undefined ? null : new DescriptorReceiver(returns, calls),
      release: () => dispose([pipe, ...(returns === undefined ? [] : [returns])].map(disposable)),
      ...(options.share === undefined ? {} : { share: options.share }),
    });
    forked.once('exit', () => {
      link.peerExited();
      const channel = channelHandle(forked);
      if (channel !== undefined) dispose([{ fd: channel.fd, close: () => endChannel(forked) }]);
      // Another process may go on printing where this one did; nobody waits for it for ever.
      setTimeout(() => [stdout, stderr].forEach((stream) => stream?.destroy()), LAST_OUTPUT_MS).unref();
    });
    return { child, link, stdout: stdout ?? null, stderr: stderr ?? null };
  } finally {
    for (const { readFd, writeFd } of made) [readFd, writeFd].forEach((fd) => closeSync(fd));
  }
}

function disposable(pipe: NativePipe): { fd: number; close(): void } {
  return { fd: pipe.fd, close: () => pipe.close() };
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
  const oneWay = type === ONE_WAY || type === ONE_WAY_WITH_HANDLES;
  if ((type !== 'pipe' && !oneWay) || process.send === undefined) return undefined;
  if (!process.connected && !evenOrphaned) throw cannotOpen('the parent is gone', { fd: LINK_FD });
  const pipe = createIpcPipe(process);
  const status = isSocket(LINK_FD) ? pipe.open(LINK_FD) : NOT_A_SOCKET;
  if (status === 0 && !oneWay) return new PipeLink(pipe, limits);
  const data = createPlainPipe();
  if (status === 0 && data.open(DATA_FD) === 0) {
    const returns = type === ONE_WAY_WITH_HANDLES ? createIpcPipe(process) : undefined;
    const sender = returns?.open(RETURNS_FD) === 0 ? new DescriptorSender(returns) : null;
    return new PipeLink(data, limits, { source: pipe, sender });
  }
  data.close();
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

/** What the variable says of a link of type `pipe` to a process that does not trust this one. */
const ONE_WAY = 'one-way';
const ONE_WAY_WITH_HANDLES = 'one-way+handles';
/** Where the child's frames and handles go then. */
export const DATA_FD: number = LINK_FD + 1;
export const RETURNS_FD: number = LINK_FD + 2;

/** How long what a process has printed is read when it has exited, ms: another one may hold its output open. */
const LAST_OUTPUT_MS = 5000;

/** libuv's status for ENOTSOCK. */
const NOT_A_SOCKET: number = -constants.errno.ENOTSOCK;
