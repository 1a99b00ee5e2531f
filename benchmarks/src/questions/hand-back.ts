// What does it cost that a kept connection asks for another site's host? It goes back to the master and to that site.
import type { Contender } from '../servers/server.js';
import { vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Round } from './contest.js';
import type { Question } from './question.js';

export const handBack: Question = {
  title:
    'Requests one at a time: for another site each on a kept connection, over a new connection each, for one site',
  answer: async (effort) => {
    // On one connection every request is for another site than the one before.
    const result = await contest(
      [
        asked('vhostd, other site', { hosts: ['a.test', 'b.test'] }),
        asked('vhostd, new connection', { mode: 'close' }),
        asked('vhostd, same site', {}),
      ],
      { connections: 1, mode: 'keep-alive' },
      effort,
    );
    for (const line of table(result)) console.log(line);
    const newConnection = { of: 'vhostd, other site', to: 'vhostd, new connection' };
    return [
      ...compare(result, [
        {
          ...newConnection,
          what: 'CPU time of a request by that over a new connection',
          figure: ({ frontMicroseconds, workersMicroseconds }: Round) =>
            frontMicroseconds + workersMicroseconds,
        },
        {
          ...newConnection,
          what: 'median latency by that over a new connection',
          figure: ({ p50Ms }) => p50Ms,
        },
      ]),
      errorRow(result),
    ];
  },
};

function asked(name: string, load: Contender['load'] & object): Contender {
  return { ...vhostd('pipe'), name, load };
}
