// One site: what it does, its workers and why they were replaced, its log, and what an operator may order.
import type { SiteDetail, SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { ALL_SITES } from './address.js';
import { FigureCharts } from './chart.js';
import type { Notice, Question } from './confirm.js';
import { detailOf, give } from './connection.js';
import type { Known } from './connection.js';
import { describe } from './event-text.js';
import { EventList } from './events.js';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatTime,
  NONE,
  plural,
} from './format.js';
import { SiteLog } from './log.js';
import { State } from './overview.js';
import { siteCondition, workerTone } from './tone.js';
import { html, useEffect, useState } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';

export interface SitePageProps {
  readonly siteId: string;
  readonly known: Known;
  readonly ask: (question: Question) => void;
  readonly say: (notice: Notice) => void;
}

export function SitePage({ siteId, known, ask, say }: SitePageProps): VNode {
  const { look, samples } = known;
  const site = look?.status.sites.find((one) => one.siteId === siteId);
  const events = known.events.filter(({ payload }) => payload['siteId'] === siteId);
  const back = html`<nav><a href=${ALL_SITES}>← All sites</a></nav>`;
  if (site === undefined) {
    return html`${back}
      <h1>${siteId}</h1>
      <p class="empty">${look === undefined ? 'Asking the daemon …' : 'There is no such site now.'}</p>`;
  }
  const condition = siteCondition(site);
  return html`${back}
    <div class="site-head">
      <h1>${siteId}</h1>
      <${State} condition=${condition} />
      <span class="note">generation ${site.generation}</span>
      <${Orders} site=${site} ask=${ask} say=${say} />
    </div>
    <p class="hosts">${site.hosts.length === 0 ? 'any host' : site.hosts.join(', ')}</p>
    ${condition.why === undefined ? undefined : html`<p class=${`why ${condition.tone}`}>${condition.why}</p>`}
    <${FigureCharts} samples=${samples} siteId=${siteId} />
    <${Workers} site=${site} known=${known} />
    <div class="columns">
      <${SiteLog} siteId=${siteId} />
      <div>
        <${Ends} siteId=${siteId} events=${events} />
        <section aria-labelledby="events-title">
          <div class="section-head"><h2 id="events-title">Events</h2></div>
          <${EventList} events=${events} />
        </section>
      </div>
    </div>`;
}

function Orders({ site, ask, say }: { site: SiteStatus } & Pick<SitePageProps, 'ask' | 'say'>): VNode {
  const { siteId, workers, state } = site;
  const [running, setRunning] = useState<string | undefined>(undefined);
  const order = async (name: string, body: object, done: (answer: unknown) => string): Promise<void> => {
    setRunning(name);
    try {
      say({ text: done(await give(siteId, name, body)), isBad: false });
    } catch (error) {
      say({ text: `${siteId}: ${error instanceof Error ? error.message : String(error)}`, isBad: true });
    }
    setRunning(undefined);
  };
  const questions: Readonly<Record<'reload' | 'scale' | 'stop' | 'start', Question>> = {
    reload: {
      title: `Reload ${siteId}?`,
      text: `Its ${plural(workers.length, 'worker')} are replaced one by one by ones of the code on disk. If those do not come up, the old ones serve on.`,
      yes: 'Reload',
      onYes: () => void order('reload', {}, (answer) => reloadOutcome(siteId, answer)),
    },
    scale: {
      title: `Scale ${siteId}`,
      text: `It has ${plural(workers.length, 'worker')} now. More of them boot, or some drain and leave.`,
      yes: 'Scale',
      count: Math.max(1, workers.length),
      onYes: (count) =>
        void order('scale', { workers: count }, () => `${siteId}: ${plural(count, 'worker')} from now on.`),
    },
    stop: {
      title: `Stop ${siteId}?`,
      text: 'Requests in work are finished. Then its hosts get no answer from it until it is started again.',
      yes: 'Stop',
      isHarsh: true,
      onYes: () => void order('stop', {}, () => `${siteId} is stopped.`),
    },
    start: {
      title: `Start ${siteId}?`,
      text: 'Its workers boot, and its hosts are served again.',
      yes: 'Start',
      onYes: () => void order('start', {}, () => `${siteId} serves.`),
    },
  };
  const button = (name: keyof typeof questions, text: string): VNode =>
    html`<button
      type="button"
      disabled=${running !== undefined}
      aria-busy=${running === name}
      onClick=${() => ask(questions[name])}
    >
      ${running === name ? `${text} …` : text}
    </button>`;
  return html`<div class="buttons" role="group" aria-label=${`Orders to ${siteId}`}>
    ${
      state === 'stopped'
        ? button('start', 'Start')
        : [button('reload', 'Reload'), button('scale', 'Scale'), button('stop', 'Stop')]
    }
  </div>`;
}

/** @throws {Error} what the daemon says of a reload that failed. */
function reloadOutcome(siteId: string, answer: unknown): string {
  const { sites } = answer as { sites: { ok: boolean; generation: number; error?: { message: string } }[] };
  const failed = sites.find(({ ok }) => !ok);
  if (failed !== undefined)
    throw new Error(`the reload failed, the old code serves on: ${failed.error?.message ?? ''}`);
  return `${siteId}: generation ${sites[0]?.generation ?? ''} serves.`;
}

function Workers({ site, known }: { site: SiteStatus; known: Known }): VNode {
  const { workers } = site;
  return html`<section aria-labelledby="workers-title">
    <div class="section-head"><h2 id="workers-title">Workers</h2></div>
    ${
      workers.length === 0
        ? html`<p class="empty">It has no workers now.</p>`
        : html`<div class="scroll" tabindex="0" role="region" aria-labelledby="workers-title">
            <table>
              <thead>
                <tr>
                  <th scope="col">Worker</th>
                  <th scope="col">State</th>
                  <th scope="col" class="number">Req/s</th>
                  <th scope="col" class="number">Conns</th>
                  <th scope="col" class="number">CPU</th>
                  <th scope="col" class="number">Memory</th>
                  <th scope="col" class="number">Up</th>
                  <th scope="col" class="number">Restarts</th>
                  <th scope="col" class="number">Replaced</th>
                  <th scope="col" class="number">Process</th>
                  <th scope="col" class="number">Gen.</th>
                </tr>
              </thead>
              <tbody>
                ${workers.map((worker) => workerRow(worker, known))}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

function workerRow(worker: WorkerStatus, { look }: Known): VNode {
  const {
    workerId,
    state,
    pid,
    generation,
    connections,
    memoryBytes,
    uptimeMs,
    restarts,
    replacements,
    reason,
  } = worker;
  const rate = look?.rates[workerId];
  const condition = { tone: workerTone(worker), label: state, why: reason };
  return html`<tr key=${workerId}>
    <th scope="row">
      ${workerId}${reason === undefined ? undefined : html`<span class="why">${reason}</span>`}
    </th>
    <td><${State} condition=${condition} /></td>
    <td class="number">${rate?.requests == null ? NONE : formatRate(rate.requests)}</td>
    <td class="number">${formatCount(connections)}</td>
    <td class="number">${rate === undefined ? NONE : formatShare(rate.cpu)}</td>
    <td class="number">${memoryBytes === undefined ? NONE : formatBytes(memoryBytes)}</td>
    <td class="number">${uptimeMs === undefined ? NONE : formatDuration(uptimeMs)}</td>
    <td class="number">${formatCount(restarts)}</td>
    <td class="number">${formatCount(replacements)}</td>
    <td class="number">${pid ?? NONE}</td>
    <td class="number">${generation}</td>
  </tr>`;
}

interface End {
  readonly time: string;
  readonly workerId: string;
  readonly what: string;
}

/** Why workers were replaced: ends that nobody had asked for, and limits that were exceeded. */
function Ends({ siteId, events }: { siteId: string; events: Known['events'] }): VNode {
  const [told, setTold] = useState<SiteDetail['ends'] | undefined>(undefined);
  const exits = events.filter(({ event }) => event === 'worker.exited').length;
  useEffect(() => {
    let isCurrent = true;
    detailOf(siteId).then(
      (detail) => isCurrent && setTold((detail as SiteDetail).ends),
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [siteId, exits]);
  const replaced = events
    .filter(({ event }) => event === 'worker.replaced' || event === 'worker.replacement-failed')
    .map((event): End => ({
      time: event.time,
      workerId: String(event.payload['workerId']),
      what: replacedText(event),
    }));
  const ended = (told ?? []).map(({ time, workerId, reason }): End => ({ time, workerId, what: reason }));
  const all = [...ended, ...replaced].toSorted((one, other) => (one.time < other.time ? 1 : -1));
  return html`<section aria-labelledby="ends-title">
    <div class="section-head"><h2 id="ends-title">Why workers were replaced</h2></div>
    ${
      all.length === 0
        ? html`<p class="empty">${told === undefined ? 'Asking …' : 'None was, lately.'}</p>`
        : html`<ol class="events" tabindex="0">
            ${all.map(
              ({ time, workerId, what }) =>
                html`<li key=${`${time} ${workerId} ${what}`}>
                  <time datetime=${time}>${formatTime(time)}</time>
                  <span class="event-name">${workerId}</span>
                  <span class="event-what">${what}</span>
                </li>`,
            )}
          </ol>`
    }
  </section>`;
}

function replacedText(event: Known['events'][number]): string {
  const { reason, by, message } = event.payload;
  if (event.event === 'worker.replaced') return `${String(reason)}: replaced by ${String(by)}`;
  return typeof message === 'string' ? `${String(reason)}: not replaced, ${message}` : describe(event);
}
