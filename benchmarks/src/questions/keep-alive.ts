// What does a request over a kept-alive connection cost, once the connection has been handed over?
import { nginx } from '../servers/nginx.js';
import { nodeCluster } from '../servers/node-cluster.js';
import { vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Round } from './contest.js';
import type { Question } from './question.js';

export const keepAlive: Question = {
  title: 'Kept-alive requests by virtual host, two workers',
  answer: async (effort) => {
    const result = await contest(
      [nodeCluster, vhostd('pipe'), nginx],
      { connections: 32, mode: 'keep-alive' },
      effort,
    );
    for (const line of table(result)) console.log(line);
    const figure = (round: Round): number => round.perSecond;
    return [
      ...compare(result, [
        {
          what: 'requests/s by those of node:cluster',
          of: 'vhostd (pipe)',
          to: 'node:cluster',
          figure,
          target: { atLeast: 0.97 },
        },
        {
          what: 'requests/s by those of nginx before two Node processes',
          of: 'vhostd (pipe)',
          to: 'nginx',
          figure,
          target: { atLeast: 1.3 },
        },
      ]),
      errorRow(result),
    ];
  },
};
