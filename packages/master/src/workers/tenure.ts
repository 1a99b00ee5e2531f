// What is known of one process of a slot, from its spawn to the spawn of the next one.
import type { Vitals, WireError } from '@vhostd/protocol';

export class Tenure {
  /** What became of the process before it, in words that name that one. */
  readonly predecessor: string | undefined;
  /** What the worker itself said of its failed boot, or of what it dies of. */
  failure: WireError | undefined;
  /** What it last told of itself. */
  vitals: Vitals | undefined;
  /** What the status says of it. */
  remark: string | undefined;
  /** It was sent SIGTERM. */
  wantsToLeave = false;
  /** The server of the site is set. */
  starting = false;
  /** It was told to leave, and has not within its limits. */
  overdue = false;

  constructor(predecessor?: string) {
    this.predecessor = predecessor;
  }

  /** What keeps it from being ready, in words for the author of the site. */
  get whyNotReady(): string {
    if (this.starting) return 'its server is set, but `started` has not resolved';
    return 'its code has neither set worker.server nor called listen()';
  }
}
