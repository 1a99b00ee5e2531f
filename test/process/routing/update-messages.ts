// What a test tells the steered site to do, and what came of it.
import type { ListeningInfo, ServerConfUpdate } from '@vhostd/protocol';

/** One update, in either form of the call. */
export interface UpdateOrder {
  update: ServerConfUpdate;
  form: 'promise' | 'callback';
}

/** Two updates in turn. */
export interface FlipOrder {
  updates: [ServerConfUpdate, ServerConfUpdate];
  everyMs: number;
  forMs: number;
}

/** What an update came to, as the site's code saw it. */
export type UpdateOutcome =
  | { listening: ListeningInfo[] }
  | {
      error: {
        isError: boolean;
        code: string;
        message: string;
        info: Record<string, unknown>;
        stack: string;
      };
    };
