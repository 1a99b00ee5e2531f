// Starts a daemon in the place of one that died, again and again until one lives.
import type { LaunchInfo, OrphanedMaster } from '@vhostd/protocol';
import { fromChildProcess, LinkedChild, readIdentity, SupervisedChild } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import { forkDaemon } from '@vhostd/transport';
import type { Link } from '@vhostd/transport';

/** What {@link DaemonRespawner} needs and tells. */
export interface RespawnerHost {
  /** How a daemon is started; undefined while none is to be. */
  launch(): LaunchInfo | undefined;
  /** How many masters there were before this one. */
  restarts(): number;
  /** The end of the guard's pipe, which the daemon is to hold as well. */
  guardFd(): number | undefined;
  /** A process was started; the link to it is to be served at once. */
  onStarted(link: Link, pid: number | undefined): void;
  /** It ended, or never came up; another follows. */
  onFailed(why: string): void;
}

export class DaemonRespawner {
  readonly #host: RespawnerHost;
  #supervised: SupervisedChild | undefined;
  /** The last one that was started. */
  #child: LinkedChild | undefined;
  #isStopped = false;

  constructor(host: RespawnerHost) {
    this.#host = host;
  }

  /** The link to the daemon has ended. One that was started here is followed when it is dead, too. */
  linkEnded({ bootTimeoutMs }: LaunchInfo): void {
    if (this.#child !== undefined) return this.#child.linkEnded();
    if (this.#isStopped || this.#supervised !== undefined) return;
    this.#supervised = this.#supervise(bootTimeoutMs);
    this.#supervised.start();
  }

  /** The daemon gave a sign of life. */
  alive(): void {
    this.#supervised?.markReady();
  }

  /** None is started from now on; one that lives is left alone. */
  stop(): void {
    this.#isStopped = true;
    if (this.#supervised?.pid === undefined) void this.#supervised?.stop();
  }

  #supervise(bootTimeoutMs: number): SupervisedChild {
    const supervised = new SupervisedChild({
      name: 'daemon',
      spawn: () => this.#spawn(),
      restart: NEVER_GIVE_UP,
      backoff: { baseMs: 1, factor: 5, capMs: 5_000, resetAfterMs: 10_000 },
      bootTimeoutMs,
    });
    const ended = ({ message }: { message: string }): void => {
      if (this.#isStopped || this.#host.launch() === undefined) void supervised.stop();
      else this.#host.onFailed(message);
    };
    supervised.on('exit', ended).on('spawn-failed', ended);
    return supervised;
  }

  #spawn(): ChildHandle {
    const launch = this.#host.launch();
    if (launch === undefined) throw new Error('no daemon is to follow');
    const master = this.#self();
    const { child, link } = forkDaemon(
      launch,
      { role: 'respawned', runDir: launch.runDir, master },
      {
        onViolation: (detail) => broken(`it broke the rules of its link: ${detail}`),
        guardFd: this.#host.guardFd(),
      },
    );
    const linked = new LinkedChild(fromChildProcess(child), {
      closeLink: () => link.close(),
      onLinger: () => broken('it closed its link and lived on'),
    });
    const broken = (why: string): void => {
      if (this.#child === linked) this.#supervised?.fail(why, { now: true });
    };
    this.#child = linked;
    this.#host.onStarted(link, child.pid);
    return linked;
  }

  #self(): OrphanedMaster {
    const { pid } = process;
    return {
      ...(readIdentity(pid) ?? { pid, startTime: '', bootId: '' }),
      uptimeMs: Math.round(process.uptime() * 1000),
      restarts: this.#host.restarts(),
    };
  }
}

/** More often than a process can end: there is nobody to give up to. */
const NEVER_GIVE_UP = { intensity: 1000, periodMs: 1 };
