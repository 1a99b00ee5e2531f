// The log of a site, which follows what comes as long as its end is in sight.
import type { LogBatch, LogLine } from '../messages.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';

interface NumberedLine extends LogLine {
  readonly number: number;
}

export function SiteLog({ siteId }: { siteId: string }): VNode {
  const [lines, setLines] = useState<readonly NumberedLine[]>([]);
  const [state, setState] = useState<'opening' | 'open' | 'lost'>('opening');
  const [wanted, setWanted] = useState('');
  const [isOnlyErrors, setOnlyErrors] = useState(false);
  const [follows, setFollows] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => openLog(siteId, setLines, setState), [siteId]);
  const toEnd = (): void => {
    if (box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (follows) toEnd();
  });
  const onScroll = (): void => {
    const { scrollTop = 0, clientHeight = 0, scrollHeight = 0 } = box.current ?? {};
    setFollows(scrollHeight - scrollTop - clientHeight < NEAR_END_PX);
  };
  const filter = wanted.toLowerCase();
  const shown = lines.filter(
    ({ line, stream }) => (!isOnlyErrors || stream === 'stderr') && line.toLowerCase().includes(filter),
  );
  return html`<section aria-labelledby="log-title">
    <div class="section-head">
      <h2 id="log-title">Log</h2>
      <input
        type="search"
        placeholder="Filter lines"
        aria-label="Filter lines of the log"
        value=${wanted}
        onInput=${(event: InputEvent) => setWanted((event.target as HTMLInputElement).value)}
      />
      <label class="check"
        ><input type="checkbox" checked=${isOnlyErrors} onChange=${() => setOnlyErrors(!isOnlyErrors)} />
        stderr only</label
      >
      ${
        follows
          ? html`<span class="note">follows</span>`
          : html`<button type="button" onClick=${() => (setFollows(true), toEnd())}>Jump to the end</button>`
      }
    </div>
    <div
      class="log"
      role="log"
      aria-live="off"
      aria-labelledby="log-title"
      tabindex="0"
      ref=${box}
      onScroll=${onScroll}
    >
      ${shown.length === 0 ? html`<p class="empty">${emptyText(state, lines.length)}</p>` : undefined}
      ${shown.map(
        ({ number, time, workerId, stream, line }) =>
          html`<div key=${number} class=${`log-line ${stream === 'stderr' ? 'stderr' : ''}`}>
            <time>${time === undefined ? '' : clockOf(time)}</time>
            <span class="log-worker" title=${stream ?? ''}>${workerId ?? ''}</span>
            <span class="log-text">${line}</span>
          </div>`,
      )}
    </div>
  </section>`;
}

function emptyText(state: 'opening' | 'open' | 'lost', count: number): string {
  if (count > 0) return 'No line matches.';
  if (state === 'opening') return 'Reading …';
  return state === 'lost'
    ? 'The log cannot be read now; it is tried again.'
    : 'Its workers have printed nothing yet.';
}

function openLog(
  siteId: string,
  setLines: (change: (lines: readonly NumberedLine[]) => readonly NumberedLine[]) => void,
  setState: (state: 'open' | 'lost') => void,
): () => void {
  let number = 0;
  let again: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource;
  const take = (batch: LogBatch): readonly NumberedLine[] => {
    const gap =
      batch.leftOutCount === 0 ? [] : [{ line: `… ${batch.leftOutCount} lines are left out here …` }];
    return [...gap, ...batch.lines].map((line) => ({ ...line, number: (number += 1) }));
  };
  const open = (): void => {
    source = new EventSource(`/api/sites/${encodeURIComponent(siteId)}/log`);
    let isFirst = true;
    source.addEventListener('lines', ({ data }: MessageEvent<string>) => {
      const batch = take(JSON.parse(data) as LogBatch);
      const begins = isFirst;
      isFirst = false;
      setState('open');
      setLines((lines) => [...(begins ? [] : lines), ...batch].slice(-KEPT_COUNT));
    });
    source.addEventListener('error', () => {
      source.close();
      setState('lost');
      again = setTimeout(open, AGAIN_MS);
    });
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}

function clockOf(time: string): string {
  const date = new Date(time);
  return `${date.toLocaleTimeString('en-GB')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

const KEPT_COUNT = 1_000;
const AGAIN_MS = 2_000;
const NEAR_END_PX = 24;
