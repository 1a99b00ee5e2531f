// What happened lately, as sentences where a person wants them, by name and fields where not.
import type { MasterEvent } from '@vhostd/protocol';
import { describe } from './event-text.js';
import { formatTime } from './format.js';
import { html } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';

export function EventList({ events }: { events: readonly MasterEvent[] }): VNode {
  const shown = events
    .filter(({ event }) => event !== 'subscribed')
    .slice(-SHOWN_COUNT)
    .toReversed();
  if (shown.length === 0)
    return html`<p class="empty">Nothing has happened since the page's server was started.</p>`;
  return html`<ol class="events" tabindex="0">
    ${shown.map(
      (event) =>
        html`<li class=${BAD.test(event.event) ? 'bad' : ''}>
          <time datetime=${event.time}>${formatTime(event.time)}</time>
          <span class="event-name">${event.event}</span>
          <span class="event-what">${describe(event)}</span>
        </li>`,
    )}
  </ol>`;
}

const BAD = /failed|expired|given-up|violation|skipped/u;
const SHOWN_COUNT = 100;
