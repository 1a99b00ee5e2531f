// Whether this Node is inside as it is known to be. It is tried out by the first worker of a site, which tells the others:
// it takes 4 ms of CPU, of which a boot has few.
import { checkHttpInternals } from './http-connections.js';
import { checkNodeInternals } from './native-handle.js';

export class TriedNode {
  readonly #isKnown: boolean;
  #movesIdle: boolean | undefined;

  /** `known`: the version that another worker has tried out, and found to be as it should. */
  constructor(known: string | undefined) {
    this.#isKnown = known === process.version;
  }

  /** @throws {VhostError} ERR_NODE_INTERNALS: a server can be given no connections. */
  check(): void {
    const broken = this.#isKnown ? undefined : checkNodeInternals();
    if (broken !== undefined) throw broken;
  }

  /** Whether connections of HTTP/1 can move between two requests. */
  get movesIdle(): boolean {
    this.#movesIdle ??= this.#isKnown || checkHttpInternals() === undefined;
    return this.#movesIdle;
  }

  /** The version, where all of it works. Of a worker that has served nobody it is not tried out for this. */
  get version(): string | null {
    return this.#movesIdle === true ? process.version : null;
  }
}
