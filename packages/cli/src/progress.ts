// How far an order is while a person waits for it: one line on the terminal that changes, or lines for a log.
import type { DaemonClient } from '@vhostd/daemon/client';
import { CLEAR_LINE, SHOWN_SITE_STATES, SHOWN_WORKER_STATES } from '@vhostd/protocol';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { within } from './columns.js';
import { counted } from './counted.js';
import { formatDuration } from './duration.js';
import { printableLine } from './printable.js';

/** Gets what a daemon tells while it carries an order out. */
export type Told = (value: unknown) => void;

/**
 * Carries an order out, and shows on standard error how far it is: on a terminal by looking at the status, else, in
 * words or as JSON, what the daemon tells every few seconds. With `site`, of that one alone. Who no longer waits, by
 * Ctrl-C, is told that the order goes on.
 */
export async function withProgress<T>(
  { json, client, site }: { json?: true | undefined; client: DaemonClient; site?: string | undefined },
  order: (told: Told) => Promise<T>,
): Promise<T> {
  if (json === true) return await order((value) => process.stderr.write(`${JSON.stringify(value)}\n`));
  if (!process.stderr.isTTY) return await order(printWaits);
  const line = new ProgressLine(client, { site });
  const onInterrupt = (): void => {
    line.close();
    process.stderr.write('\nvhostd: what was ordered goes on; vhostd status shows how far it is\n');
    // As if it had not been caught, for the shell: this listener has gone.
    process.kill(process.pid, 'SIGINT');
  };
  process.once('SIGINT', onInterrupt);
  try {
    return await order(() => undefined);
  } finally {
    process.off('SIGINT', onInterrupt);
    line.close();
  }
}

/** The line on the terminal. */
export class ProgressLine {
  readonly #client: DaemonClient;
  readonly #hint: string;
  readonly #site: string | undefined;
  readonly #timer: NodeJS.Timeout;
  #asking = false;
  #closed = false;
  #shown = '';

  /** `hint` stands at the end while connections are waited for; of other sites than `site` nothing is shown. */
  constructor(client: DaemonClient, { hint = '', site }: { hint?: string; site?: string | undefined } = {}) {
    this.#client = client;
    this.#site = site;
    this.#hint = hint;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  /** Takes the line away. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#show('');
  }

  async #look(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    // A daemon that is busy, or on its way out, has nothing to show.
    const status = await this.#client.status().catch(() => undefined);
    this.#asking = false;
    if (this.#closed || status === undefined) return;
    const sites = status.sites.filter(({ siteId }) => this.#site === undefined || siteId === this.#site);
    this.#show(progressOf({ sites }, this.#hint));
  }

  #show(text: string): void {
    // A full line would go on in the next one, which nothing takes away.
    const line = within(printableLine(text), (process.stderr.columns ?? 80) - 1);
    // Others may have written over it.
    if (line === '' && this.#shown === '') return;
    this.#shown = line;
    process.stderr.write(`${CLEAR_LINE}${line}`);
  }
}

/** What is at work in a few words: `shop 2/4, blog waits for 3 connections, at most 30s`; empty where nothing is. */
export function progressOf({ sites }: Pick<DaemonStatus, 'sites'>, hint = ''): string {
  const atWork = sites.flatMap((site) => siteProgress(site) ?? []);
  const named = atWork.slice(0, MAX_WAIT_COUNT);
  const more = atWork.length - named.length;
  const drains = sites.some((site) => leaving(site).length > 0);
  const parts = [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return drains && hint !== '' ? `${parts}; ${hint}` : parts;
}

function siteProgress(site: SiteStatus): string | undefined {
  const { siteId, state, workers, waitsFor = [] } = site;
  if (state === 'waiting')
    return waitsFor.length === 0 ? undefined : `${siteId} waits for ${waitsFor.join(', ')}`;
  const staying = workers.filter((worker) => SHOWN_WORKER_STATES[worker.state].presence === 'there');
  const newest = Math.max(...staying.map(({ generation }) => generation));
  const ready = staying.filter((worker) => worker.generation === newest && worker.state === 'ready').length;
  const count = new Set(staying.map(({ slot }) => slot)).size;
  const boots = SHOWN_SITE_STATES[state].phase === 'change' && ready < count;
  const left = leaving(site);
  const open = left.reduce((sum, worker) => sum + worker.connections, 0);
  const limit = site.drainTimeoutMs === undefined ? '' : `, at most ${formatDuration(site.drainTimeoutMs)}`;
  const parts = [
    ...(boots ? [`${ready}/${count}`] : []),
    ...(open > 0 ? [`waits for ${counted(open, 'connection')}${limit}`] : []),
  ];
  if (parts.length > 0) return `${siteId} ${parts.join(', ')}`;
  return SHOWN_SITE_STATES[state].phase === 'change' || left.length > 0 ? `${siteId} ${state}` : undefined;
}

function leaving({ workers }: SiteStatus): SiteStatus['workers'] {
  return workers.filter(({ state }) => SHOWN_WORKER_STATES[state].presence === 'leaving');
}

/** Says on stderr for which sites a daemon waits, as it tells every few seconds. */
export function printWaits(value: unknown): void {
  const sites: unknown = typeof value === 'object' && value !== null && Reflect.get(value, 'waitsFor');
  if (!Array.isArray(sites)) return;
  const named = sites.slice(0, MAX_WAIT_COUNT).map(describeWait);
  const rest = sites.length - named.length;
  const list = rest > 0 ? [...named, `${rest} more`] : named;
  const what = list.length === 0 ? 'the daemon' : list.join(', ');
  process.stderr.write(`${printableLine(`vhostd: waits for ${what}`)}\n`);
}

function describeWait(site: unknown): string {
  if (typeof site !== 'object' || site === null) return '?';
  const [siteId, state, open] = ['siteId', 'state', 'connections'].map((name): unknown =>
    Reflect.get(site, name),
  );
  const its = open === 0 ? '' : `, ${counted(Number(open), 'open connection')}`;
  return `${String(siteId)} (${String(state)}${its})`;
}

const LOOK_MS = 250;
const MAX_WAIT_COUNT = 5;
