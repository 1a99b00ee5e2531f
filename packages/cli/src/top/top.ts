// `vhostd top` as it runs: what the daemon tells, what is typed, and what is shown of it.
import { setTimeout as delay } from 'node:timers/promises';
import { WorkerRates } from '@vhostd/daemon/client';
import type { DaemonClient } from '@vhostd/daemon/client';
import type { DaemonStatus } from '@vhostd/protocol';
import { eventLine } from '../commands/events.js';
import { describeError } from '../errors.js';
import { keysOf } from './keys.js';
import { nameOf, rowsOf, SORTS } from './rows.js';
import type { Row, Sort } from './rows.js';
import { view } from './view.js';
import type { Line, Shown, Size } from './view.js';

/** Where it is shown. */
export interface TopScreen {
  readonly size: Size;
  draw(lines: readonly Line[]): void;
  /** Returns when the shell has continued the program. */
  suspend(): void;
}

/** The lines that the workers of a site print. */
export interface TopLog {
  /** Those that have come since it was asked last. */
  more(): string[];
  close(): void;
}

export interface TopOptions {
  readonly client: Pick<DaemonClient, 'status' | 'follow' | 'reload'>;
  readonly screen: TopScreen;
  /** Opens the logs of a site. */
  readonly openLog: (siteId: string) => Promise<TopLog>;
}

/** What keys do at present. */
type Mode = 'keys' | 'filter' | 'reload';

export class Top {
  readonly #options: TopOptions;
  readonly #rates = new WorkerRates();
  readonly #ended = new AbortController();
  readonly #events: string[] = [];
  #status: DaemonStatus | undefined;
  #trouble: string | undefined;
  #mode: Mode = 'keys';
  #sort: Sort = 'conf';
  #filter = '';
  #selected: string | undefined;
  #notice = '';
  #log: { siteId: string; lines: string[]; source: TopLog | undefined } | undefined;

  constructor(options: TopOptions) {
    this.#options = options;
  }

  /** Runs until it is quit. */
  async run(): Promise<void> {
    const { signal } = this.#ended;
    void this.#follow();
    while (!signal.aborted) {
      await this.#ask();
      this.draw();
      await delay(ASK_MS, undefined, { signal }).catch(() => undefined);
    }
    this.#log?.source?.close();
  }

  /** Takes what was typed. */
  type(chunk: string): void {
    for (const key of keysOf(chunk)) this.#press(key);
    this.draw();
  }

  draw(): void {
    const { screen } = this.#options;
    if (!this.#ended.signal.aborted) screen.draw(view(this.#shown(), screen.size));
  }

  async #ask(): Promise<void> {
    try {
      this.#status = await this.#options.client.status();
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = describeError(error);
    }
    const log = this.#log;
    if (log?.source !== undefined) keepLast(log.lines, log.source.more());
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await this.#options.client.follow({
          signal,
          onEvent: (event) => {
            this.#rates.take(event);
            if (!UNTOLD.has(event.event)) keepLast(this.#events, [eventLine(event)]);
          },
        });
      } catch {
        // The status says what the trouble is.
      }
      await delay(ASK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #press(key: string): void {
    if (key === 'quit') return this.#ended.abort();
    if (key === 'suspend') return this.#options.screen.suspend();
    if (this.#mode === 'filter') return this.#typeFilter(key);
    if (this.#mode === 'reload') return this.#answerReload(key);
    this.#notice = '';
    if (key === 'q') this.#ended.abort();
    else if (key === 'up' || key === 'k') this.#move(-1);
    else if (key === 'down' || key === 'j') this.#move(1);
    else if (key === 's') this.#sort = SORTS[(SORTS.indexOf(this.#sort) + 1) % SORTS.length] ?? 'conf';
    else if (key === '/') this.#mode = 'filter';
    else if (key === 'escape') this.#filter = '';
    else if (key === 'r' && this.#row !== undefined) this.#mode = 'reload';
    else if (key === 'l') void this.#toggleLog();
  }

  #typeFilter(key: string): void {
    if (key === 'enter' || key === 'escape') this.#mode = 'keys';
    if (key === 'escape') this.#filter = '';
    else if (key === 'backspace') this.#filter = Array.from(this.#filter).slice(0, -1).join('');
    else if (Array.from(key).length === 1 && this.#filter.length < FILTER_MAX_CHARS) this.#filter += key;
  }

  #answerReload(key: string): void {
    this.#mode = 'keys';
    const siteId = this.#row?.siteId;
    if (key === 'y' && siteId !== undefined) void this.#reload(siteId);
    else this.#notice = 'nothing is reloaded';
  }

  async #reload(siteId: string): Promise<void> {
    this.#notice = `${siteId} is being reloaded`;
    try {
      const [site] = (await this.#options.client.reload(siteId)).sites;
      const why = site?.error === undefined ? '' : `: ${site.error.message}`;
      this.#notice =
        site?.ok === true ? `${siteId}: generation ${site.generation}` : `${siteId} failed${why}`;
    } catch (error) {
      this.#notice = describeError(error);
    }
    this.draw();
  }

  async #toggleLog(): Promise<void> {
    this.#log?.source?.close();
    const siteId = this.#row?.siteId;
    const isOpen = this.#log !== undefined;
    this.#log = undefined;
    if (isOpen || siteId === undefined) return;
    const log: { siteId: string; lines: string[]; source: TopLog | undefined } = {
      siteId,
      lines: [],
      source: undefined,
    };
    this.#log = log;
    try {
      const source = await this.#options.openLog(siteId);
      if (this.#log !== log) return source.close();
      log.source = source;
      keepLast(log.lines, source.more());
    } catch (error) {
      keepLast(log.lines, [describeError(error)]);
    }
    this.draw();
  }

  #move(by: number): void {
    const names = this.#rows.map(nameOf);
    const place = Math.max(0, this.#selected === undefined ? 0 : names.indexOf(this.#selected));
    this.#selected = names[Math.max(0, Math.min(names.length - 1, place + by))];
  }

  get #rows(): Row[] {
    const rateOf = (workerId: string) => this.#rates.of(workerId);
    const choice = { sort: this.#sort, filter: this.#filter, rateOf };
    return this.#status === undefined ? [] : rowsOf(this.#status, choice);
  }

  /** The selected row, or the first one. */
  get #row(): Row | undefined {
    const rows = this.#rows;
    return rows.find((row) => nameOf(row) === this.#selected) ?? rows[0];
  }

  #shown(): Shown {
    const rows = this.#rows;
    const row = this.#row;
    const log = this.#log;
    return {
      status: this.#status,
      trouble: this.#trouble,
      rows,
      selected: row === undefined ? undefined : nameOf(row),
      below:
        log === undefined
          ? { title: 'EVENTS', lines: this.#events }
          : { title: `LOG OF ${log.siteId}`, lines: log.lines },
      footer: this.#footer(row),
    };
  }

  #footer(row: Row | undefined): string {
    if (this.#mode === 'filter') return `filter: ${this.#filter}_  (Enter keeps it, Esc clears it)`;
    if (this.#mode === 'reload') return `reload ${row?.siteId ?? ''}? y: yes, any other key: no`;
    if (this.#notice !== '') return this.#notice;
    const filter = this.#filter === '' ? '' : ` (${this.#filter})`;
    return `q quit  up/down select  s sort: ${this.#sort}  / filter${filter}  r reload  l log or events`;
  }
}

/** Keeps the last lines. */
function keepLast(lines: string[], more: readonly string[]): void {
  lines.push(...more.slice(-KEPT_COUNT));
  lines.splice(0, Math.max(0, lines.length - KEPT_COUNT));
}

/** How often the daemon is asked, ms. */
const ASK_MS = 1_000;
/** More than fit on any screen's lower part. */
const KEPT_COUNT = 50;
/** Events that say nothing of what happens. */
const UNTOLD: ReadonlySet<string> = new Set(['subscribed', 'worker.refused', 'worker.stats']);
const FILTER_MAX_CHARS = 64;
