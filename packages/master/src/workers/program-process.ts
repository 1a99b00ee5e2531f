// One process of a site that is not Node's: a shell script, a program of another language. It has no link to the master:
// it is started, watched and told to end as any program is.
import { readFile } from 'node:fs/promises';
import { VhostError } from '@vhostd/protocol';
import type { WorkerIdentity } from '@vhostd/protocol';
import { fromChildProcess, signalGroup } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import { setSessionPriority, spawnUntrusted } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import type { Readable } from 'node:stream';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { prepare } from './exec-chain.js';
import { afterWords, LastWords } from './last-words.js';
import type { ProcessGroups } from './process-groups.js';
import type { WorkerGroup } from './site-groups.js';
import { workerVariables } from './worker-environment.js';
import { stopSignalOf } from './worker-limits.js';
import type { SpawnedWorker, WorkerProcessEvents } from './spawned-worker.js';

/** How to start one. */
export interface ProgramLaunch {
  readonly conf: SiteConf;
  readonly identity: WorkerIdentity;
  readonly release: Release;
  /** The variables that the conf names. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends what it has started. */
  readonly groups: ProcessGroups;
  /** The directory of the site's control group; undefined: it has none. */
  readonly siteGroup: string | undefined;
  /** The control group of a process. */
  readonly groupOf: (pid: number | undefined) => WorkerGroup | undefined;
}

export class ProgramProcess extends EventEmitter<WorkerProcessEvents> implements SpawnedWorker {
  readonly identity: WorkerIdentity;
  readonly handle: ChildHandle;
  readonly peer: SpawnedWorker['peer'];
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly connectionCount = 0;
  readonly awaitedCount = 0;
  readonly takesConnections = false;
  readonly full = false;
  readonly late = false;
  readonly ahead = false;
  readonly idle = false;
  readonly handsBack = false;
  readonly #gone = new AbortController();
  readonly #words = new LastWords();
  #asked = false;
  #oomKilled = false;
  readonly waited = false;

  /** @throws {Error} ERR_FIFO, or the system's. */
  constructor({ conf, identity, release, variables: named, groups, siteGroup, groupOf }: ProgramLaunch) {
    super();
    this.identity = identity;
    const told = { cwd: release.cwd, slot: identity.slot, named, link: {} };
    const own = workerVariables(conf, told, process.env);
    const { through, variables, cwd } = prepare(conf, { cwd: release.cwd, siteGroup }, own);
    const [file = '', ...args] = [...through, ...commandOf(conf, release)];
    const { child, stdout, stderr } = spawnUntrusted(file, args, {
      cwd,
      env: { ...process.env, ...variables },
    });
    const { nice } = conf.workerOptions;
    if (nice !== undefined) setSessionPriority(child, nice);
    this.stdout = stdout;
    this.stderr = stderr;
    stderr.on('data', (chunk: Buffer) => this.#words.push(chunk));
    const { pid } = child;
    const handle = fromChildProcess(child);
    const group = groupOf(pid);
    this.handle = {
      ...handle,
      // As a terminal's Ctrl-C does: a shell alone would tell nobody.
      kill: (signal) =>
        pid !== undefined && signalGroup(pid, signal === 'SIGTERM' ? stopSignalOf(conf) : signal),
      onExit: (callback) =>
        handle.onExit((code, signal) => {
          this.#oomKilled = signal === 'SIGKILL' && group !== undefined && group.oomKillCount > 0;
          if (pid !== undefined) groups.end(pid, group);
          this.#afterWords(() => callback(code, signal));
        }),
    };
    this.peer = { handle: () => undefined, request: async (method) => await answer(method, pid) };
    const settled = setTimeout(() => this.emit('ready'), SETTLED_MS);
    child.once('exit', () => {
      clearTimeout(settled);
      this.#gone.abort();
    });
    child.once('error', () => clearTimeout(settled));
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get lastWords(): string | undefined {
    return this.#words.text;
  }

  accept(): Promise<boolean> {
    return Promise.resolve(false);
  }

  acceptUpTo(): void {}

  acceptNoMore(): Promise<void> {
    return Promise.resolve();
  }

  get oomKilled(): boolean {
    return this.#oomKilled;
  }

  give(): boolean {
    return false;
  }

  retract(): void {
    // It has no connections.
  }

  // It has no server, and never stands still.
  quiet(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  standStill(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  goOn(): void {}

  halt(): void {}

  /** There is nothing to wait for: the signal follows. */
  drain(): void {
    this.#asked = true;
  }

  /** Its end is told when what it wrote has been read, which says why. */
  #afterWords(callback: () => void): void {
    if (this.#asked) return callback();
    afterWords(this.stderr, callback);
  }
}

function commandOf(
  { interpreter = 'none', workerOptions, workerArgs }: SiteConf,
  release: Release,
): string[] {
  const before = interpreter === 'none' ? [] : [interpreter, ...workerOptions.execArgv];
  return [...before, release.workerFile, ...workerArgs];
}

/** For it, since it answers nothing itself: how much memory it has, as the system says. */
async function answer(method: string, pid: number | undefined): Promise<unknown> {
  if (method === 'call') {
    throw new VhostError('ERR_CALL_NO_TARGET', 'this worker is no program of Node, and takes no calls');
  }
  if (method !== 'ping') return null;
  return { residentBytes: await residentBytes(pid), cpuMs: await cpuMs(pid), requestCount: 0 };
}

/** Of the process alone, without those that it has started; 0 where the system does not tell. */
async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Of the process alone, as proc(5) has it in hundredths of a second; 0 where the system does not tell. */
async function cpuMs(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
}

/** How long it must live to count as started, ms: one that can't run mostly ends at once. */
const SETTLED_MS = 300;
