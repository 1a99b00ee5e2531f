// How far a log that is rotated has got, and whether what comes next belongs into another file.
import type { Os, OsTimer } from '@vhostd/supervisor';
import type { LogRotation } from '../conf/site-conf.js';
import { isOverdue, removeRotated, rotate, tidy } from './log-rotation.js';
import type { LogTarget } from './log-target.js';

export class LogExtent {
  /** Its interval is over, though nothing comes. */
  overdue = false;
  readonly #path: string;
  readonly #rotation: LogRotation;
  readonly #os: Pick<Os, 'setTimer'>;
  readonly #onLook: () => void;
  #sizeBytes = 0;
  /** On the wall clock. */
  #writtenAtMs = 0;
  #ageTimer: OsTimer | undefined;

  /** @param onLook called when it has been looked whether the log is {@link overdue}. */
  constructor(path: string, rotation: LogRotation, os: Pick<Os, 'setTimer'>, onLook: () => void) {
    this.#path = path;
    this.#rotation = rotation;
    this.#os = os;
    this.#onLook = onLook;
    if (rotation.intervalMs !== undefined || rotation.maxAgeMs !== undefined) this.#watchAge();
  }

  /** Goes on where this file has got to. */
  async measure(target: LogTarget): Promise<void> {
    const { bytes, writtenMs } = await target.extent();
    this.#sizeBytes = bytes;
    this.#writtenAtMs = writtenMs;
    void tidy(this.#path, this.#rotation);
  }

  /** So many bytes have been written just now. */
  grow(bytes: number): void {
    this.#sizeBytes += bytes;
    this.#writtenAtMs = Date.now();
  }

  /** The file has been emptied: what it was rotated to goes, too. */
  async empty(): Promise<void> {
    await removeRotated(this.#path, this.#rotation);
    this.#sizeBytes = 0;
  }

  /** Whether so many bytes more belong into another file. */
  isFull(nextBytes: number): boolean {
    if (this.#sizeBytes === 0) return false;
    const fits = this.#sizeBytes + nextBytes <= this.#rotation.maxBytes;
    return !fits || isOverdue(this.#rotation, this.#writtenAtMs, Date.now());
  }

  /** Renames the file that has the name, unless another master that writes there has done it. */
  async makeRoom(target: LogTarget): Promise<void> {
    if (await target.isNamed()) await rotate(this.#path, this.#rotation, () => target.isNamed());
  }

  close(): void {
    this.#ageTimer?.cancel();
  }

  /** A log to which nothing is written is rotated by its interval, too, and what is too old of it goes. */
  #watchAge(): void {
    const lookMs = Math.min(this.#rotation.intervalMs ?? AGE_LOOK_MAX_MS, AGE_LOOK_MAX_MS);
    const look = (): void => {
      this.overdue = isOverdue(this.#rotation, this.#writtenAtMs, Date.now());
      this.#onLook();
      void tidy(this.#path, this.#rotation);
      this.#watchAge();
    };
    this.#ageTimer = this.#os.setTimer(look, lookMs, { ref: false });
  }
}

/** How often to look whether a log is too old to go on in, ms, unless its interval is shorter. */
const AGE_LOOK_MAX_MS = 300_000;
