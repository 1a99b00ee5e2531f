// What does it cost to look at the host of every request on a kept-alive connection?
import type { Contender } from '../servers/server.js';
import { startProcess } from '../servers/server.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Question } from './question.js';

export const hostCheck: Question = {
  title: 'Kept-alive requests of one Node process, with and without a look at the host of each',
  answer: async (effort) => {
    const result = await contest(
      [server('without', 'bare'), server('with', 'checked')],
      { connections: 32, mode: 'keep-alive' },
      effort,
    );
    for (const line of table(result)) console.log(line);
    return [
      ...compare(result, [
        {
          what: 'requests/s by those without',
          of: 'with',
          to: 'without',
          figure: ({ perSecond }) => perSecond,
          target: { atLeast: 0.98 },
        },
        {
          what: 'CPU time of a request by that without',
          of: 'with',
          to: 'without',
          figure: ({ frontMicroseconds }) => frontMicroseconds,
          target: { atMost: 1.02 },
        },
      ]),
      errorRow(result),
    ];
  },
};

function server(name: string, how: string): Contender {
  return {
    name,
    start: async () => ({ ...(await startProcess('checked-server', ['a.test', how])), hosts: ['a.test'] }),
  };
}
