// A process with a link to it, as supervision sees it: it has ended when it is dead and its last word has been read.
import type { ChildHandle } from './child-handle.js';

/** What a {@link LinkedChild} does when the end of the process and that of its link lie too far apart. */
export interface LinkedChildOptions {
  /** The process is dead, and somebody else may have its end of the link: closes this one. */
  closeLink(): void;
  /** The process closed its link and lives on. */
  onLinger(): void;
}

export class LinkedChild implements ChildHandle {
  readonly #child: ChildHandle;
  readonly #options: LinkedChildOptions;
  #linkHasEnded = false;
  #report: (() => void) | undefined;
  #limit: NodeJS.Timeout | undefined;

  constructor(child: ChildHandle, options: LinkedChildOptions) {
    this.#child = child;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  onError(callback: (error: Error) => void): void {
    this.#child.onError(callback);
  }

  onExit(callback: (code: number | null, signal: string | null) => void): void {
    this.#child.onExit((code, signal) => {
      clearTimeout(this.#limit);
      if (this.#linkHasEnded) return callback(code, signal);
      this.#report = () => callback(code, signal);
      this.#limit = setTimeout(() => this.#options.closeLink(), APART_LIMIT_MS);
    });
  }

  /** To be called when the link has ended: nothing comes from the process any more. */
  linkEnded(): void {
    this.#linkHasEnded = true;
    clearTimeout(this.#limit);
    if (this.#report !== undefined) return this.#report();
    this.#limit = setTimeout(() => this.#options.onLinger(), APART_LIMIT_MS);
  }
}

/** How long the end of the link and the end of the process may lie apart, ms. */
const APART_LIMIT_MS = 5_000;
