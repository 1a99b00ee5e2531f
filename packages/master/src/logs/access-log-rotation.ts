// Rotates the access log of a site, which its workers write: they go on in a new file within a second by themselves.
import { stat } from 'node:fs/promises';
import { isOverdue, rotate, tidy } from './log-rotation.js';
import type { LogRotation } from '../conf/site-conf.js';

export class AccessLogRotation {
  readonly #file: string;
  readonly #rotation: LogRotation;
  readonly #timer: NodeJS.Timeout;
  #lookedAtMs: number | undefined;
  #tidiedAtMs = -Infinity;
  #looking = false;

  constructor(file: string, rotation: LogRotation) {
    this.#file = file;
    this.#rotation = rotation;
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  /** Rotates the file if it is time. Never rejects: what cannot be done now is tried at the next look. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#rotateIfDue();
      await this.#tidyIfDue();
    } catch {
      // The directory may not be there yet, or no longer.
    } finally {
      this.#looking = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #rotateIfDue(): Promise<void> {
    const { size, mtimeMs, ino } = await stat(this.#file);
    const nowMs = Date.now();
    const lastMs = Math.min(mtimeMs, this.#lookedAtMs ?? mtimeMs);
    this.#lookedAtMs = nowMs;
    if (size === 0 || (size <= this.#rotation.maxBytes && !isOverdue(this.#rotation, lastMs, nowMs))) return;
    await rotate(this.#file, this.#rotation, async () => (await stat(this.#file)).ino === ino);
    await tidy(this.#file, this.#rotation);
  }

  /** What is too old goes, also where nothing is written any more. */
  async #tidyIfDue(): Promise<void> {
    if (this.#rotation.maxAgeMs === undefined || performance.now() - this.#tidiedAtMs < TIDY_MS) return;
    this.#tidiedAtMs = performance.now();
    await tidy(this.#file, this.#rotation);
  }
}

const LOOK_MS = 5_000;
const TIDY_MS = 300_000;
