// What the server tells the page, as server-sent events named as the keys of `FeedMessages`.
import type { DaemonStatus, MasterEvent } from '@vhostd/protocol';

/** What a site does at a moment; null: not known. */
export interface SiteFigures {
  /** In a second. */
  readonly requests: number | null;
  /** Open ones. */
  readonly connections: number;
  /** Share of one processor. */
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
}

/** All sites at a moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly sites: Readonly<Record<string, SiteFigures>>;
}

/** Figures of the workers that have told any, by workerId. */
export type RatesByWorker = Readonly<
  Record<string, { readonly requests: number | null; readonly cpu: number }>
>;

/** What is known of the daemon now. */
export interface Look {
  readonly status: DaemonStatus;
  readonly rates: RatesByWorker;
  readonly sample: Sample;
}

/** Why the daemon does not answer. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
}

export interface FeedMessages {
  /** The first one of each stream: all that came before. */
  readonly snapshot: {
    /** Name of the machine. */
    readonly machine: string;
    readonly look?: Look;
    readonly trouble?: Trouble;
    readonly samples: readonly Sample[];
    readonly events: readonly MasterEvent[];
  };
  readonly look: Look;
  readonly event: MasterEvent;
  readonly trouble: Trouble;
}

/** A line that a worker has printed. */
export interface LogLine {
  readonly line: string;
  /** ISO 8601, UTC; absent where it is not known, as are the others. */
  readonly time?: string;
  readonly workerId?: string;
  readonly stream?: 'stdout' | 'stderr';
}

/** A message of a stream of log lines. */
export interface LogBatch {
  readonly lines: readonly LogLine[];
  /** Lines that came as well and are left out, because there were too many at once. */
  readonly leftOutCount: number;
}
