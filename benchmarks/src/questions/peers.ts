// How does vhostd compare with what else is put in front of a Node app? All of them in front of the same handler.
import { h2load, STREAM_COUNT } from '../load/h2load.js';
import type { Load, LoadGenerator } from '../load/load-plan.js';
import { nodeLoad } from '../load/node-load.js';
import { programVersion } from '../measure/machine.js';
import { ratio } from '../measure/rounds.js';
import { CADDY } from '../servers/caddy.js';
import { HAPROXY } from '../servers/haproxy.js';
import { withIdentity } from '../servers/identity.js';
import type { Identity } from '../servers/identity.js';
import { NGINX } from '../servers/nginx.js';
import { cluster, nodeCluster } from '../servers/node-cluster.js';
import { installPm2, pm2Cluster } from '../servers/pm2.js';
import type { Pm2 } from '../servers/pm2.js';
import { behind } from '../servers/proxy.js';
import type { Contender } from '../servers/server.js';
import { http2Vhostd, secureVhostd, vhostd } from '../servers/vhostd.js';
import { errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Contest } from './contest.js';
import type { Effort, Question } from './question.js';

/** One way of asking. */
interface Kind {
  readonly what: string;
  readonly plan: Omit<Load, 'hosts'>;
  readonly speaks: 'clear' | 'tls' | 'http2';
}

const KINDS: readonly Kind[] = [
  { what: 'kept-alive', plan: { connections: 32, mode: 'keep-alive' }, speaks: 'clear' },
  { what: 'new', plan: { connections: 32, mode: 'close' }, speaks: 'clear' },
  { what: 'TLS kept-alive', plan: { connections: 32, mode: 'keep-alive', secure: 'full' }, speaks: 'tls' },
  { what: 'TLS new', plan: { connections: 32, mode: 'close', secure: 'full' }, speaks: 'tls' },
  { what: `HTTP/2, ${STREAM_COUNT} streams`, plan: { connections: 4, mode: 'keep-alive' }, speaks: 'http2' },
];
const VHOSTD = 'vhostd (pipe)';
const BASE = 'node:cluster';

export const peers: Question = {
  title: 'Requests/s by those of node:cluster, two Node processes behind each, proxies with a process a core',
  answer: async (effort) =>
    await withIdentity(async (identity) => {
      const pm2 = await installPm2();
      try {
        const results: [Kind, Contest][] = [];
        for (const kind of KINDS) results.push([kind, await answerOne(kind, { identity, pm2 }, effort)]);
        for (const line of ratios(results)) console.log(line);
        return results.map(([kind, result]) => ({
          ...errorRow(result),
          what: `${kind.what}: wrong answers of vhostd`,
        }));
      } finally {
        if (!('unavailable' in pm2)) await pm2.remove();
      }
    }),
};

async function answerOne(
  { what, plan, speaks }: Kind,
  { identity, pm2 }: { identity: Identity; pm2: Pm2 | { unavailable: string } },
  effort: Effort,
): Promise<Contest> {
  const generator = await generatorFor(speaks, effort.generator);
  if (generator === undefined) {
    const why = 'h2load is not installed';
    return { rounds: new Map(), unavailable: new Map([[VHOSTD, why]]) };
  }
  const keys = speaks === 'clear' ? undefined : identity;
  const http2 = speaks === 'http2';
  const contenders: Contender[] = [
    keys === undefined ? nodeCluster : cluster({ identity: keys, http2 }),
    vhostdFor(keys, http2),
    pm2Cluster(pm2, keys, http2),
    ...[NGINX, HAPROXY, CADDY].map((proxy) => behind(proxy, keys)),
  ];
  const result = await contest(contenders, plan, { ...effort, generator });
  console.log(`${what}, by ${generator.name}`);
  for (const line of table(result)) console.log(line);
  return result;
}

function vhostdFor(identity: Identity | undefined, http2: boolean): Contender {
  if (identity === undefined) return vhostd('pipe');
  return http2 ? http2Vhostd(identity) : secureVhostd(identity);
}

/** wrk names no host in a handshake by address. Undefined: there is none. */
async function generatorFor(
  speaks: Kind['speaks'],
  inClear: LoadGenerator,
): Promise<LoadGenerator | undefined> {
  if (speaks === 'clear') return inClear;
  if (speaks === 'tls') return nodeLoad;
  return (await programVersion('h2load', ['--version'])) === undefined ? undefined : h2load;
}

/** As Markdown: a line a contender, a column a kind. */
function ratios(results: readonly [Kind, Contest][]): string[] {
  const names = [
    ...new Set(results.flatMap(([, { rounds, unavailable }]) => [...rounds.keys(), ...unavailable.keys()])),
  ];
  const cells = names.map((name) => [name, ...results.map(([, result]) => cellOf(result, name))]);
  const head = ['', ...results.map(([{ what }]) => what)];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)];
}

function cellOf({ rounds, unavailable }: Contest, name: string): string {
  const [of, to] = [name, BASE].map((which) => rounds.get(which)?.map(({ perSecond }) => perSecond));
  if (of === undefined || to === undefined) return unavailable.get(name) ?? 'it did not run';
  const { median, low, high } = ratio(of, to);
  return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
