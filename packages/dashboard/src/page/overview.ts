// All sites: what they do together, each of them, and what happened.
import type { SiteStatus } from '@vhostd/protocol';
import type { SiteFigures } from '../messages.js';
import { siteAddress } from './address.js';
import { FigureCharts } from './chart.js';
import type { Known } from './connection.js';
import { EventList } from './events.js';
import { sumOf } from './figures.js';
import { formatBytes, formatCount, formatRate, formatShare, NONE } from './format.js';
import { siteCondition, URGENCY } from './tone.js';
import type { Condition } from './tone.js';
import { html, useState } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';

export function Overview({ known }: { known: Known }): VNode {
  const { look, samples, events, trouble } = known;
  if (look === undefined) {
    return html`<p class="empty">
      ${trouble === undefined ? 'Asking the daemon …' : 'Nothing is known yet.'}
    </p>`;
  }
  const { sites, counts, master } = look.status;
  const refused = sumOf(Object.values(counts?.refused ?? {})) ?? 0;
  const workers = sites.flatMap((site) => site.workers);
  const ready = workers.filter(({ state }) => state === 'ready').length;
  return html`<h1 class="unseen">All sites</h1>
    <dl class="totals">
      ${total('Sites', String(sites.length))} ${total('Workers ready', `${ready} / ${workers.length}`)}
      ${total('Queued', formatCount(sumOf(sites.map(({ parked }) => parked)) ?? 0))}
      ${total('Accepted', formatCount(counts?.accepted ?? 0))} ${total('Refused', formatCount(refused))}
      ${total('Moved', formatCount(counts?.handedBack ?? 0))}
    </dl>
    <${FigureCharts} samples=${samples} />
    <div class="columns">
      <${SiteTable} sites=${sites} figures=${look.sample.sites} hasMaster=${master !== undefined} />
      <section aria-labelledby="events-title">
        <div class="section-head"><h2 id="events-title">Events</h2></div>
        <${EventList} events=${events} />
      </section>
    </div>`;
}

function total(name: string, value: string): VNode {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}

interface Row {
  readonly site: SiteStatus;
  readonly condition: Condition;
  readonly figures: SiteFigures | undefined;
}

type Column = 'name' | 'state' | 'requests' | 'connections' | 'cpu' | 'memoryBytes' | 'restarts';

function SiteTable({
  sites,
  figures,
  hasMaster,
}: {
  sites: readonly SiteStatus[];
  figures: Readonly<Record<string, SiteFigures>>;
  hasMaster: boolean;
}): VNode {
  const [wanted, setWanted] = useState('');
  const [order, setOrder] = useState<Column>('state');
  const filter = wanted.toLowerCase();
  const rows = sites
    .filter(({ siteId, hosts }) => [siteId, ...hosts].some((name) => name.toLowerCase().includes(filter)))
    .map((site): Row => ({ site, condition: siteCondition(site), figures: figures[site.siteId] }))
    .toSorted(ORDERS[order]);
  const attention = rows.filter(({ condition: { tone } }) => tone === 'bad' || tone === 'warn').length;
  const heading = (column: Column, text: string, kind = 'number'): VNode =>
    html`<th
      scope="col"
      class=${kind}
      aria-sort=${order === column ? (column === 'name' || column === 'state' ? 'ascending' : 'descending') : 'none'}
    >
      <button type="button" class="sort" onClick=${() => setOrder(column)}>${text}</button>
    </th>`;
  return html`<section aria-labelledby="sites-title">
    <div class="section-head">
      <h2 id="sites-title">Sites</h2>
      ${attention === 0 ? undefined : html`<span class="attention">${attention} to look at</span>`}
      <input
        type="search"
        placeholder="Filter  /"
        aria-label="Filter sites by name or host"
        value=${wanted}
        onInput=${(event: InputEvent) => setWanted((event.target as HTMLInputElement).value)}
      />
    </div>
    ${
      sites.length === 0
        ? html`<p class="empty">
            ${hasMaster ? 'There are no sites.' : 'No master lives now, which has the sites. The daemon starts one.'}
          </p>`
        : rows.length === 0
          ? html`<p class="empty">No site or host has that in its name.</p>`
          : html`<table class="sites">
              <thead>
                <tr>
                  ${heading('name', 'Site', '')} ${heading('state', 'State', '')}
                  <th scope="col" class="number wide">Workers</th>
                  ${heading('requests', 'Req/s')} ${heading('connections', 'Conns')}
                  ${heading('cpu', 'CPU', 'number wide')} ${heading('memoryBytes', 'Memory', 'number wide')}
                  ${heading('restarts', 'Restarts', 'number wide')}
                </tr>
              </thead>
              <tbody>
                ${rows.map((row) => html`<${SiteRow} key=${row.site.siteId} row=${row} />`)}
              </tbody>
            </table>`
    }
  </section>`;
}

function SiteRow({ row: { site, condition, figures } }: { row: Row }): VNode {
  const { siteId, hosts, workers } = site;
  const ready = workers.filter(({ state }) => state === 'ready').length;
  return html`<tr>
    <th scope="row">
      <a href=${siteAddress(siteId)}>${siteId}</a>
      <span class="hosts" title=${hosts.join('\n')}
        >${hosts.length === 0 ? 'any host' : hosts.join(', ')}</span
      >
      ${condition.why === undefined ? undefined : html`<span class="why">${condition.why}</span>`}
    </th>
    <td><${State} condition=${condition} /></td>
    <td class="number wide">${workers.length === 0 ? NONE : `${ready} / ${workers.length}`}</td>
    <td class="number">${shown(figures?.requests, formatRate)}</td>
    <td class="number">${shown(figures?.connections, formatCount)}</td>
    <td class="number wide">${shown(figures?.cpu, formatShare)}</td>
    <td class="number wide">${shown(figures?.memoryBytes, formatBytes)}</td>
    <td class="number wide">${formatCount(restartsOf(site))}</td>
  </tr>`;
}

export function State({ condition: { tone, label } }: { condition: Condition }): VNode {
  return html`<span class=${`state ${tone}`}>${label}</span>`;
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === undefined || value === null ? NONE : format(value);
}

function restartsOf({ workers }: SiteStatus): number {
  return sumOf(workers.map(({ restarts, replacements }) => restarts + replacements)) ?? 0;
}

const ORDERS: Readonly<Record<Column, (one: Row, other: Row) => number>> = {
  name: (one, other) => one.site.siteId.localeCompare(other.site.siteId, 'en', { numeric: true }),
  state: (one, other) => URGENCY[one.condition.tone] - URGENCY[other.condition.tone],
  requests: largestFirst(({ figures }) => figures?.requests),
  connections: largestFirst(({ figures }) => figures?.connections),
  cpu: largestFirst(({ figures }) => figures?.cpu),
  memoryBytes: largestFirst(({ figures }) => figures?.memoryBytes),
  restarts: largestFirst(({ site }) => restartsOf(site)),
};

function largestFirst(value: (row: Row) => number | null | undefined): (one: Row, other: Row) => number {
  return (one, other) => (value(other) ?? -1) - (value(one) ?? -1);
}
