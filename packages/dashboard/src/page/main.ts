// The page: its head, and below it all sites, or the one that the address names (`#/sites/SITEID`).
import { ALL_SITES, siteAddress, siteOfAddress } from './address.js';
import { connect, NOTHING } from './connection.js';
import type { Known } from './connection.js';
import { Confirm } from './confirm.js';
import type { Notice, Question } from './confirm.js';
import { formatDuration, plural } from './format.js';
import { Overview } from './overview.js';
import { SitePage } from './site.js';
import { html, render, useEffect, useState } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';

function Page(): VNode {
  const [known, setKnown] = useState<Known>(NOTHING);
  const [siteId, setSiteId] = useState(siteOfAddress(location.hash));
  const [question, setQuestion] = useState<Question | undefined>(undefined);
  const [notice, setNotice] = useState<Notice | undefined>(undefined);
  useEffect(() => connect(setKnown), []);
  useEffect(() => {
    const follow = (): void => {
      setSiteId(siteOfAddress(location.hash));
      scrollTo(0, 0);
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  useEffect(() => {
    const name = siteId ?? known.machine;
    document.title = name === '' ? 'vhostd' : `${name} – vhostd`;
  }, [siteId, known.machine]);
  useKeys(known, siteId);
  return html`<${Head} known=${known} />
    <${Trouble} known=${known} />
    <div class="notice-place" role="status">
      ${
        notice === undefined
          ? undefined
          : html`<p class=${`notice ${notice.isBad ? 'bad' : ''}`}>
              <span>${notice.text}</span>
              <button type="button" aria-label="Dismiss" onClick=${() => setNotice(undefined)}>×</button>
            </p>`
      }
    </div>
    <main>
      ${
        siteId === undefined
          ? html`<${Overview} known=${known} />`
          : html`<${SitePage}
              key=${siteId}
              siteId=${siteId}
              known=${known}
              ask=${setQuestion}
              say=${setNotice}
            />`
      }
    </main>
    ${
      question === undefined
        ? undefined
        : html`<${Confirm} question=${question} onClose=${() => setQuestion(undefined)} />`
    }`;
}

function Head({ known }: { known: Known }): VNode {
  const { look, machine, link, trouble } = known;
  const isLive = link === 'live' && trouble === undefined && look !== undefined;
  const master = look?.status.master;
  return html`<header>
    <a class="brand" href=${ALL_SITES}><img src="/icon.svg" alt="" width="20" height="20" />vhostd</a>
    <span class="machine">${machine}</span>
    <dl class="facts">
      ${
        look === undefined
          ? undefined
          : facts([
              ['version', look.status.daemon.version],
              ['Node', look.status.daemon.node],
              ['up', formatDuration(look.status.daemon.uptimeMs)],
              [
                'master',
                master === undefined ? 'none' : `${master.pid}, ${plural(master.restarts, 'restart')}`,
              ],
            ])
      }
    </dl>
    <span class=${`link ${isLive ? 'good' : 'bad'}`}
      >${isLive ? 'live' : link === 'connecting' ? 'connecting' : 'not live'}</span
    >
  </header>`;
}

function facts(pairs: readonly (readonly [string, string])[]): VNode[] {
  return pairs.map(
    ([name, value]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${value}</dd>
      </div>`,
  );
}

/** Says why what is shown may be old. */
function Trouble({ known: { link, trouble, look } }: { known: Known }): VNode {
  const text =
    link === 'lost'
      ? 'The process of this page does not answer. Start vhostd dashboard again and open the address that it prints; this page goes on by itself if it comes back.'
      : trouble === undefined
        ? ''
        : `The daemon does not answer: ${trouble.message}. It is asked again every two seconds.`;
  return html`<div role="alert">
    ${text === '' ? undefined : html`<p class="trouble">${text}${look === undefined ? '' : ' What you see is how it was.'}</p>`}
  </div>`;
}

/** `/` filters, `j` and `k` go from site to site, `g` shows all. */
function useKeys({ look }: Known, siteId: string | undefined): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const { target, key } = event;
      const isTyping = target instanceof Element && target.closest('input, dialog') !== null;
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (key === '/') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('input[type=search]')?.focus();
      } else if (key === 'g') location.hash = ALL_SITES;
      else if (key === 'j' || key === 'k') {
        const sites = look?.status.sites.map((site) => site.siteId) ?? [];
        const place = siteId === undefined ? (key === 'j' ? -1 : sites.length) : sites.indexOf(siteId);
        const next = sites[place + (key === 'j' ? 1 : -1)];
        if (next !== undefined) location.hash = siteAddress(next);
      }
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [look, siteId]);
}

const place = document.querySelector('#page');
if (place !== null) {
  place.textContent = '';
  render(html`<${Page} />`, place);
}
