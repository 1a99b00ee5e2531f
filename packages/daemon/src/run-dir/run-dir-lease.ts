// What makes a daemon the one of its run directory: the lock, the control socket, the PID file.
import { removePidFile, writePidFile } from '@vhostd/supervisor';
import type { ControlServer } from '../control/control-server.js';
import { acquireInstanceLock } from './instance-lock.js';
import type { InstanceLock } from './instance-lock.js';
import { createRunDir } from './run-dir.js';
import type { RunDir } from './run-dir.js';

/** A run directory that is this process's from {@link RunDirLease.acquire} on. */
export class RunDirLease {
  readonly #runDir: RunDir;
  readonly #lock: InstanceLock;
  readonly #control: ControlServer;

  private constructor(runDir: RunDir, lock: InstanceLock, control: ControlServer) {
    this.#runDir = runDir;
    this.#lock = lock;
    this.#control = control;
  }

  /**
   * Takes the run directory, or leaves it as it was. The PID file comes last: who finds it can call.
   * @throws {VhostError} ERR_DAEMON_RUNNING, ERR_LOCK_FAILED, ERR_RUN_DIR_UNSAFE, ERR_RUN_DIR_FAILED,
   * ERR_CONTROL_PATH, ERR_CONTROL_IN_USE, ERR_CONTROL_LISTEN; or the system's error about the PID file.
   */
  static async acquire(
    runDir: RunDir,
    control: ControlServer,
    onLost: (error: Error) => void,
  ): Promise<RunDirLease> {
    createRunDir(runDir);
    const lock = await acquireInstanceLock(runDir, { onLost });
    try {
      await control.listen(runDir.controlSocket);
      writePidFile(runDir.pidFile, lock.identity);
      return new RunDirLease(runDir, lock, control);
    } catch (error) {
      await control.close();
      await lock.release();
      throw error;
    }
  }

  /**
   * Makes the run directory free for another daemon. Requests that run over the control socket are answered still, until
   * {@link close}. The PID file goes on to name this process until the other one writes its own: who finds that living,
   * and no socket, knows that a daemon is about to answer.
   */
  async release(): Promise<void> {
    await this.#control.conceal();
    void this.#control.close({ graceMs: ANSWER_LIMIT_MS });
    await this.#lock.release();
  }

  /** Removes the PID file, answers and closes the control socket, lets go of the lock. */
  async close(): Promise<void> {
    removePidFile(this.#runDir.pidFile, this.#lock.identity);
    await this.#control.conceal();
    await this.#control.close();
    await this.#lock.release();
  }
}

/** How long what runs over the control socket may take until it is answered, ms: twice what a reload may take. */
const ANSWER_LIMIT_MS = 7_200_000;
