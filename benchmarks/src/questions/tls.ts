// What do connections and requests cost that are encrypted? The client is the tests' own: wrk resumes no sessions.
import type { Load } from '../load/load-plan.js';
import { nodeLoad } from '../load/node-load.js';
import type { Row } from '../measure/report.js';
import { withIdentity } from '../servers/identity.js';
import { cluster } from '../servers/node-cluster.js';
import { loneVhostd, secureVhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Round } from './contest.js';
import type { Effort, Question } from './question.js';

type Plan = Omit<Load, 'hosts' | 'connections'>;

const KINDS: readonly { what: string; plan: Plan; atLeast: number }[] = [
  { what: 'full handshakes', plan: { mode: 'close', secure: 'full' }, atLeast: 1 },
  { what: 'resumed handshakes', plan: { mode: 'close', secure: 'resumed' }, atLeast: 1 },
  { what: 'kept-alive requests', plan: { mode: 'keep-alive', secure: 'full' }, atLeast: 0.97 },
];

export const tls: Question = {
  title: 'TLS by virtual host, against an https server of node:cluster',
  answer: async (effort) =>
    await withIdentity(async (identity) => {
      const two = [cluster({ identity }), secureVhostd(identity)];
      // As without TLS, see `keep-alive`.
      const one = [cluster({ workers: 1, identity }), loneVhostd(identity)];
      const rows: Row[] = [];
      for (const kind of KINDS)
        rows.push(...(await answerOne(kind.plan.mode === 'close' ? two : one, kind, effort)));
      return rows;
    }),
};

async function answerOne(
  contenders: Parameters<typeof contest>[0],
  { what, plan, atLeast }: (typeof KINDS)[number],
  effort: Effort,
): Promise<Row[]> {
  const result = await contest(contenders, { connections: 32, ...plan }, { ...effort, generator: nodeLoad });
  console.log(what);
  for (const line of table(result)) console.log(line);
  const between = { of: 'vhostd (pipe)', to: 'node:cluster' };
  const cpu = (round: Round): number => round.frontMicroseconds + round.workersMicroseconds;
  return [
    ...compare(result, [
      {
        ...between,
        what: `${what}/s by those of node:cluster`,
        figure: ({ perSecond }) => perSecond,
        target: { atLeast },
      },
      { ...between, what: `CPU time of ${what} by that of node:cluster`, figure: cpu },
    ]),
    errorRow(result),
  ];
}
