// One process that is to be a worker of a site, and waits for that: started with all that is the same for each of the site's
// workers, it is told the rest when it is one.
import { FrameKind, encodeBegin } from '@vhostd/transport';
import { beginOf, startWorker } from './worker-launch.js';
import type { StartedWorker, WorkerLaunch } from './worker-launch.js';
import { afterWords, LastWords } from './last-words.js';
import type { Spare } from './spare-pool.js';

export class WorkerSpare implements Spare {
  readonly #started: StartedWorker;
  readonly #onEnd: () => void;
  #onFailed: ((reason: string) => void) | undefined;

  /** @throws {Error} what fork throws, ERR_NODE_INTERNALS. */
  constructor(launch: WorkerLaunch) {
    this.#started = startWorker(launch, () => undefined, 'spare');
    const { child } = this.#started;
    child.on('error', (error) => this.#fail(`could not be spawned: ${error.message}`));
    const { pid } = child.process;
    const group = launch.groupOf(pid);
    this.#onEnd = () => {
      if (pid !== undefined) launch.groups.end(pid, group);
      this.#tellEnd();
    };
    child.process.once('exit', this.#onEnd);
  }

  get pid(): number | undefined {
    return this.#started.child.process.pid;
  }

  onFailed(callback: (reason: string) => void): void {
    this.#onFailed = callback;
  }

  /** It is the worker of this launch from now on, and the caller's. */
  begin(launch: WorkerLaunch): StartedWorker {
    const { child, link, siteDir } = this.#started;
    this.#onFailed = undefined;
    child.process.removeListener('exit', this.#onEnd);
    link.send(FrameKind.begin, encodeBegin(beginOf(launch, siteDir)));
    return this.#started;
  }

  end(): void {
    this.#onFailed = undefined;
    // It has nothing to finish, and hears no signal that it could heed.
    this.#started.child.process.kill('SIGKILL');
  }

  /** Nobody has read what it printed: it is a worker's as soon as it is one. */
  #tellEnd(): void {
    const { stdout, stderr, child } = this.#started;
    const { exitCode, signalCode } = child.process;
    const how = signalCode === null ? `exited with code ${exitCode}` : `was ended by ${signalCode}`;
    stdout?.resume();
    if (stderr === null) return this.#fail(how);
    const words = new LastWords();
    stderr.on('data', (chunk: Buffer | string) => words.push(chunk));
    afterWords(stderr, () => {
      this.#fail(words.text === undefined ? how : `${how}; it printed: ${words.text}`);
    });
  }

  #fail(reason: string): void {
    this.#onFailed?.(reason);
    this.#onFailed = undefined;
  }
}
