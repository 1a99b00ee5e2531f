// The Next.js app of examples/apps/next, built by Next.js itself: as `next start` runs it and with a server of its own,
// two workers each, reloaded while clients use both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Exchange } from '../kit/exchange.js';
import { Load } from '../kit/load.js';
import { WrongAnswer } from '../kit/outcome.js';
import { startVhostd } from '../kit/start-vhostd.js';
import type { SiteOptions } from '../kit/start-vhostd.js';
import { EXAMPLES } from './workbench.js';

const APP = join(EXAMPLES, 'apps/next');
const NEXT = join(EXAMPLES, 'node_modules/next/dist/bin/next');

type Page = readonly [path: string, body: string];

/** What the app answers: a page made by the build, and a route that a worker runs for each request. */
const PAGES: readonly [Page, Page] = [
  ['/', '<h1>Hello, Next.js!</h1>'],
  ['/hello', '{"hello":"world"}'],
];

/** `npm run build`, which is incremental. */
async function build(): Promise<void> {
  const child = spawn(process.execPath, [NEXT, 'build'], {
    cwd: APP,
    env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, (await output).join(''));
}

/** The sites of the conf that stands beside the app, on one port that the kernel chooses. */
function sites(): SiteOptions[] {
  const conf = JSON.parse(readFileSync(join(APP, 'vhostd.config.json'), 'utf8')) as { sites: SiteOptions[] };
  return conf.sites.map((site) => ({
    ...site,
    path: APP,
    listen: [{ host: `${site.siteId}.localhost`, port: 0, ipaddress: '127.0.0.1' }],
  }));
}

function page(host: string, [url, expected]: Page, closes: boolean): Exchange {
  const close = closes ? 'Connection: close\r\n' : '';
  return {
    url,
    bytes: Buffer.from(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${close}\r\n`),
    read: async (client, told) => {
      const answer = await client.answer();
      const body = answer.body.toString();
      if (answer.status !== 200 || !body.includes(expected))
        throw new WrongAnswer(`${answer.status} ${body}`);
      told.siteId = host.split('.')[0] ?? '';
      told.closes = answer.headers['connection'] === 'close';
    },
  };
}

/** Clients of one site, on connections that they keep and on fresh ones. */
function loadsOf(siteId: string, port: number): Load[] {
  return (['kept', 'fresh'] as const).map(
    (connections) =>
      new Load({
        port,
        host: `${siteId}.localhost`,
        connections,
        pauseMaxMs: 40,
        request: (random, host, closes) => page(host, random.pick(PAGES), closes),
      }),
  );
}

test('a Next.js app loses nothing in a reload, by next start and with a server of its own', async (t) => {
  await build();
  const vhostd = await startVhostd(t, { sites: sites() });
  await vhostd.ready('next', 2);
  await vhostd.ready('custom', 2);
  const port = await vhostd.port();
  const loads = ['next', 'custom'].flatMap((siteId) => loadsOf(siteId, port));
  const progress = async (): Promise<unknown> => await Promise.all(loads.map((load) => load.progress(20)));
  await progress();
  await vhostd.reloaded();
  await vhostd.drained();
  await progress();
  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) load.outcome.assertNothingLost('a client');
  assert.deepEqual(
    (await vhostd.status()).sites.map(({ siteId, generation }) => [siteId, generation]),
    [
      ['next', 2],
      ['custom', 2],
    ],
  );
});
