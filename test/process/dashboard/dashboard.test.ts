// The page of `vhostd dashboard` in a real browser: what it shows, what it orders, and what it says when all is gone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Dashboard } from '@vhostd/dashboard';
import type { SiteStatus } from '@vhostd/protocol';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { get } from '../../kit/ask-site.js';
import { browserSkip, startBrowser } from '../../kit/browser.js';
import { COMMAND } from '../../kit/full-vhostd.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const site = (siteId: string, fields: Record<string, unknown> = {}): SiteOptions => ({
  siteId,
  workerFile: siteFile('shop', import.meta.url),
  cpuLen: 1,
  heartbeatInterval: '100ms',
  ...fields,
});

void describe('the page', { skip: browserSkip }, () => {
  void it('shows sites, follows their logs, gives orders once it was asked, and tells why workers ended', async (t) => {
    const sites = [
      site('shop', { cpuLen: 2 }),
      site('broken', { workerFile: 'none.js', restart: { intensity: 0 } }),
    ];
    const vhostd = await startVhostd(t, { daemon: true, sites, conf: { metrics: {} }, wait: false });
    await vhostd.until(
      'one site has failed',
      ({ sites: all }) =>
        all.length === 2 && all.every(({ state }) => state === 'running' || state === 'errored'),
    );
    await onPage(t, vhostd, {}, async (page) => {
      assert.equal(new URL(page.url()).search, '');
      assert.equal(await page.getByRole('row').count(), 3);
      await page.getByRole('row', { name: /broken .*errored/ }).waitFor();

      await page.getByRole('link', { name: 'shop' }).click();
      await page.getByRole('heading', { name: 'shop', level: 1 }).waitFor();
      const port = await vhostd.port();
      await get(port, 'shop.test', '/first');
      await page.getByText('asked for /first <b id="injected">red').waitFor();
      assert.equal(await page.locator('#injected').count(), 0);
      await page.getByRole('img', { name: /^Requests \/ s: \d/ }).waitFor();

      await ordered(page, 'Reload');
      await page.getByText('shop: generation 2 serves.').waitFor();
      await ordered(page, 'Scale', '3');
      await page.getByText('shop: 3 workers from now on.').waitFor();
      await vhostd.ready('shop', 3);
      await get(port, 'shop.test', '/end').catch(() => undefined);
      const why = page.getByRole('region', { name: 'Why workers were replaced' });
      await why.getByText('exited with code 3').waitFor();
      await ordered(page, 'Stop');
      await page.getByText('shop is stopped.').waitFor();
      assert.equal((await vhostd.site('shop')).state, 'stopped');
      await ordered(page, 'Start');
      await page.getByText('shop serves.').waitFor();
      await vhostd.ready('shop', 3);
    });
  });

  void it('does nothing where the question is answered with no, and is used by keys alone', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site('a'), site('b')] });
    await onPage(t, vhostd, { colorScheme: 'dark' }, async (page) => {
      await page.keyboard.press('j');
      await page.getByRole('heading', { name: 'a', level: 1 }).waitFor();
      await page.keyboard.press('j');
      await page.getByRole('heading', { name: 'b', level: 1 }).waitFor();
      await page.getByRole('button', { name: 'Stop' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'Stop b?' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('g');
      await page.getByRole('heading', { name: 'All sites' }).waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('B.TEST');
      await page.getByRole('link', { name: 'a', exact: true }).waitFor({ state: 'detached' });
      assert.equal(await page.getByRole('link', { name: 'b', exact: true }).count(), 1);
      assert.equal((await vhostd.site('b')).state, 'running');
      assert.equal(await nameless(page), '');
    });
  });

  void it('says that the daemon is gone, and goes on with the next one', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site('a')] });
    await onPage(t, vhostd, {}, async (page) => {
      await vhostd.client.stop();
      await page.getByRole('alert').getByText('The daemon does not answer').waitFor();
      vhostd.configure([site('late')]);
      vhostd.start([COMMAND, 'run', '--config', vhostd.confFile, '--run-dir', vhostd.runDir]);
      await page.getByRole('link', { name: 'late' }).waitFor();
      await page.getByText('The daemon does not answer').waitFor({ state: 'detached' });
    });
  });

  void it('says that its own process is gone', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site('a')] });
    let page: Page | undefined;
    await onPage(t, vhostd, {}, async (open) => {
      page = open;
    });
    await page?.getByText('The process of this page does not answer.').waitFor();
  });
});

void it(
  'the page fits a phone and a desk, dark and light, with no site and with many',
  { skip: browserSkip },
  async (t) => {
    const browser = await startBrowser(t);
    const long = `<i>${'a-long-label-of-a-host.'.repeat(9)}</i>`;
    const many = Array.from({ length: 39 }, (_, index) => statusOf(`site-${index}`, [`${index}.test`]));
    for (const sites of [[], [statusOf('only', [])], [...many, statusOf('x'.repeat(64), [long])]]) {
      for (const width of [390, 1440]) await fits(browser, sites, width);
    }
  },
);

async function fits(browser: Browser, sites: SiteStatus[], width: number): Promise<void> {
  const dashboard = new Dashboard({
    client: {
      status: async () => ({ ...STATUS, sites }),
      follow: () => new Promise(() => undefined),
      request: async () => ({ ends: [] }),
    },
    openLog: async () => ({ more: () => [], close: () => undefined }),
  });
  await dashboard.open();
  const colorScheme = width === 390 ? 'dark' : 'light';
  const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme });
  page.setDefaultTimeout(LIMIT_MS);
  await page.goto(dashboard.address());
  if (sites.length === 0) await page.getByText('There are no sites.').waitFor();
  else await page.getByRole('row').nth(sites.length).waitFor();
  assert.equal(await widthOf(page), width);
  if (sites.length > 1) {
    assert.equal(await page.locator('i').count(), 0);
    await page.getByRole('link', { name: 'xxx' }).click();
    await page.getByRole('heading', { name: 'xxx', level: 1 }).waitFor();
    await page.getByText('Its workers have printed nothing yet.').waitFor();
    assert.equal(await widthOf(page), width);
  }
  await page.close();
  await dashboard.close();
}

const STATUS = {
  daemon: { pid: 1, version: '1.2.3', node: 'v20', uptimeMs: 1_000 },
  master: { pid: 2, uptimeMs: 1_000, restarts: 0 },
  listeners: [],
};

function statusOf(siteId: string, hosts: string[]): SiteStatus {
  return { siteId, state: 'idle', generation: 1, hosts, workers: [], parked: 0 };
}

/** Opens the page of a dashboard that lasts as long as `use` does; whatever the browser complains about is a fault. */
async function onPage(
  t: TestContext,
  vhostd: FullVhostd,
  options: BrowserContextOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const dashboard = vhostd.start([COMMAND, 'dashboard', '--run-dir', vhostd.runDir]);
  const complaints: string[] = [];
  try {
    const address = await until('the dashboard tells its address', () => {
      const value = /^http:\/\/127\.0\.0\.1:\d+\/\?token=\S+$/m.exec(vhostd.output)?.[0] ?? '';
      return { done: value !== '', value };
    });
    const browser: Browser = await startBrowser(t);
    const page = await browser.newPage(options);
    page.setDefaultTimeout(LIMIT_MS);
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(address);
    await page.getByText('live', { exact: true }).waitFor();
    await use(page);
    assert.deepEqual(complaints, []);
  } finally {
    process.kill(dashboard.pid, 'SIGTERM');
    await dashboard.ended;
  }
}

/** Presses a button and says yes to what is asked. */
async function ordered(page: Page, name: string, count?: string): Promise<void> {
  await page
    .getByRole('group', { name: /^Orders to/ })
    .getByRole('button', { name })
    .click();
  const dialog = page.getByRole('dialog');
  if (count !== undefined) await dialog.getByLabel('Workers').fill(count);
  await dialog.getByRole('button', { name }).click();
}

/** How wide all of it is. */
async function widthOf(page: Page): Promise<number> {
  return await page.evaluate<number>('document.documentElement.scrollWidth');
}

/** Buttons, links and fields that have no name for those who do not see them. */
async function nameless(page: Page): Promise<string> {
  const tree = await page.locator('body').ariaSnapshot();
  return tree
    .split('\n')
    .filter((line) => /^\s*- (?:button|link|searchbox|textbox|checkbox|spinbutton)(?::|$)/.test(line))
    .join('\n');
}

/** What only a hang exceeds. */
const LIMIT_MS = 60_000;
