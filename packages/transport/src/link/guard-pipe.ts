// One end of the pipe of a daemon's guard. Every process that can bring vhostd back holds one: the daemon, its master,
// and whichever of the two is being started anew. So the pipe's end tells the guard that none of them is left.
import { closeSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { isSocket } from './parent-link.js';

/** The environment variable that tells a child which of its descriptors the end is; removed when read. */
export const GUARD_VARIABLE = 'VHOSTD_GUARD';

export class GuardPipe {
  readonly #end: number | Socket;
  #isClosed = false;

  private constructor(end: number | Socket) {
    this.#end = end;
  }

  /** The end that this process was started with; undefined where it was given none. To be called once. */
  static inherited(): GuardPipe | undefined {
    const fd = Number(process.env[GUARD_VARIABLE] ?? -1);
    delete process.env[GUARD_VARIABLE];
    return Number.isInteger(fd) && isSocket(fd) ? new GuardPipe(fd) : undefined;
  }

  /** The end of whoever has started the guard with the other one as standard input. */
  static of(stdin: Socket): GuardPipe {
    return new GuardPipe(stdin);
  }

  /** The descriptor that a child is to be given; undefined once it is closed, or the guard that was started has gone. */
  get fd(): number | undefined {
    if (this.#isClosed) return undefined;
    if (typeof this.#end === 'number') return this.#end;
    const handle: unknown = Reflect.get(this.#end, '_handle');
    const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
    return typeof fd === 'number' && fd >= 0 ? fd : undefined;
  }

  /** Says a line to the guard. False if it has gone. */
  tell(line: string): boolean {
    const { fd } = this;
    if (fd === undefined) return false;
    try {
      return writeSync(fd, `${line}\n`) > 0;
    } catch {
      return false;
    }
  }

  /** This process brings nothing back any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (typeof this.#end === 'number') closeSync(this.#end);
    else this.#end.destroy();
  }
}
