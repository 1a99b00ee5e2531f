// What does a request over a kept-alive connection cost, once the connection has been handed over?
import { nginx } from '../servers/nginx.js';
import { cluster, nodeCluster } from '../servers/node-cluster.js';
import { loneVhostd, vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Contest, Round } from './contest.js';
import type { Question } from './question.js';

/**
 * One worker each beside node:cluster: of 32 connections that come at once its round-robin gives one of two workers 15 to
 * 25, vhostd 16. Where the load takes a CPU of two, a worker that has more at a time answers them cheaper.
 */
export const keepAlive: Question = {
  title: 'Kept-alive requests by virtual host',
  answer: async (effort) => {
    const plan = { connections: 32, mode: 'keep-alive' } as const;
    const one = await contest([cluster({ workers: 1 }), loneVhostd()], plan, effort);
    print('one worker', one);
    const two = await contest([nodeCluster, vhostd('pipe'), nginx], plan, effort);
    print('two workers', two);
    const figure = (round: Round): number => round.perSecond;
    const beside = { of: 'vhostd (pipe)', to: 'node:cluster', figure };
    return [
      ...compare(one, [
        { ...beside, what: 'one worker: requests/s by those of node:cluster', target: { atLeast: 0.97 } },
      ]),
      errorRow(one),
      ...compare(two, [
        { ...beside, what: 'two workers: requests/s by those of node:cluster' },
        {
          what: 'requests/s by those of nginx before two Node processes',
          of: 'vhostd (pipe)',
          to: 'nginx',
          figure,
          target: { atLeast: 1.3 },
        },
      ]),
      errorRow(two),
    ];
  },
};

function print(what: string, result: Contest): void {
  console.log(what);
  for (const line of table(result)) console.log(line);
}
