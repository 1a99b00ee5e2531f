// What the page knows, kept up to date by the stream of the dashboard's process.
import type { MasterEvent } from '@vhostd/protocol';
import type { FeedMessages, Look, Sample, Trouble } from '../messages.js';

/** `lost`: the dashboard's own process does not answer. */
export type Link = 'connecting' | 'live' | 'lost';

export interface Known {
  readonly link: Link;
  readonly machine: string;
  readonly look: Look | undefined;
  /** Why the daemon does not answer now. */
  readonly trouble: Trouble | undefined;
  readonly samples: readonly Sample[];
  /** The latest one last. */
  readonly events: readonly MasterEvent[];
}

export const NOTHING: Known = {
  link: 'connecting',
  machine: '',
  look: undefined,
  trouble: undefined,
  samples: [],
  events: [],
};

/** Connects again and again, and tells each change. */
export function connect(onChange: (known: Known) => void): void {
  let known = NOTHING;
  const change = (changes: Partial<Known>): void => {
    known = { ...known, ...changes };
    onChange(known);
  };
  const open = (): void => {
    const source = new EventSource('/api/feed');
    const on = <Name extends keyof FeedMessages>(
      name: Name,
      take: (message: FeedMessages[Name]) => void,
    ): void =>
      source.addEventListener(name, ({ data }: MessageEvent<string>) =>
        take(JSON.parse(data) as FeedMessages[Name]),
      );
    on('snapshot', ({ machine, look, trouble, samples, events }) =>
      change({ link: 'live', machine, look: look ?? known.look, trouble, samples, events }),
    );
    on('look', (look) =>
      change({ look, trouble: undefined, samples: keepLast(known.samples, look.sample, SAMPLES_MAX_COUNT) }),
    );
    on('event', (event) => change({ events: keepLast(known.events, event, EVENTS_MAX_COUNT) }));
    on('trouble', (trouble) => change({ trouble }));
    source.addEventListener('error', () => {
      // A browser does not try again after every kind of end.
      source.close();
      change({ link: 'lost' });
      setTimeout(open, AGAIN_MS);
    });
  };
  open();
}

/** An order to a site; rejects with what the daemon said. */
export async function give(siteId: string, order: string, body: object = {}): Promise<unknown> {
  const response = await fetch(`/api/sites/${encodeURIComponent(siteId)}/${order}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return await answerOf(response);
}

/** All that there is to know of a site. */
export async function detailOf(siteId: string): Promise<unknown> {
  return await answerOf(await fetch(`/api/sites/${encodeURIComponent(siteId)}`));
}

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new Error(response.headers.get('content-type') === 'application/json' ? messageOf(text) : text);
}

function messageOf(text: string): string {
  const { message, code } = JSON.parse(text) as Trouble;
  return code === '' ? message : `${message} (${code})`;
}

function keepLast<Item>(items: readonly Item[], item: Item, count: number): readonly Item[] {
  return [...items, item].slice(-count);
}

const AGAIN_MS = 2_000;
const SAMPLES_MAX_COUNT = 300;
const EVENTS_MAX_COUNT = 200;
