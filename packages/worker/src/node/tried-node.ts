// Whether this Node is inside as it is known to be. It is tried out by the first worker of a site, which tells the others:
// it takes 3 ms of CPU, of which a boot has few. A worker that waits for its site tries it out meanwhile.
import type { VhostError } from '@vhostd/protocol';
import { checkHttpInternals } from './http-connections.js';
import { checkNodeInternals } from './native-handle.js';

/** What this process has found, which stays as it is. */
interface Found {
  readonly broken: VhostError | undefined;
  movesIdle: boolean | undefined;
}

let found: Found | undefined;

export class TriedNode {
  readonly #isKnown: boolean;
  #movesIdle: boolean | undefined;

  /** `known`: the version that another worker has tried out, and found to be as it should. */
  constructor(known: string | undefined) {
    this.#isKnown = known === process.version;
  }

  /** Tries all of it out, ahead of need. */
  static tryOut(): void {
    const node = new TriedNode(undefined);
    if (node.#found.broken === undefined) node.#look();
  }

  /** @throws {VhostError} ERR_NODE_INTERNALS: a server can be given no connections. */
  check(): void {
    if (this.#isKnown) return;
    const { broken } = this.#found;
    if (broken !== undefined) throw broken;
  }

  /** Whether connections of HTTP/1 can move between two requests. */
  get movesIdle(): boolean {
    this.#movesIdle ??= this.#isKnown || this.#look();
    return this.#movesIdle;
  }

  /** The version, where all of it works. Of a worker that has served nobody it is not tried out for this. */
  get version(): string | null {
    return this.#movesIdle === true ? process.version : null;
  }

  get #found(): Found {
    found ??= { broken: checkNodeInternals(), movesIdle: undefined };
    return found;
  }

  #look(): boolean {
    this.#found.movesIdle ??= checkHttpInternals() === undefined;
    return this.#found.movesIdle;
  }
}
