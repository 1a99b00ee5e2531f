// What do metrics cost a request over a kept-alive connection?
import { vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Question } from './question.js';

const WITHOUT = vhostd('pipe');
const WITH = vhostd('pipe', {}, { metrics: {} });

export const metrics: Question = {
  title: 'Kept-alive requests of two workers, with and without metrics',
  answer: async (effort) => {
    const result = await contest([WITHOUT, WITH], { connections: 32, mode: 'keep-alive' }, effort);
    for (const line of table(result)) console.log(line);
    return [
      ...compare(result, [
        {
          what: 'requests/s with metrics by those without',
          of: WITH.name,
          to: WITHOUT.name,
          figure: ({ perSecond }) => perSecond,
          target: { atLeast: 0.98 },
        },
      ]),
      errorRow(result),
    ];
  },
};
