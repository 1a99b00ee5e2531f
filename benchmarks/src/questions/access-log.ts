// What does an access log cost a request over a kept-alive connection?
import { vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Question } from './question.js';

const WITHOUT = vhostd('pipe');
const COMBINED = vhostd('pipe', { accessLog: 'access.log' });
const JSON_LINES = vhostd('pipe', { accessLog: 'access.log', accessLogFormat: 'json' });

export const accessLog: Question = {
  title: 'Kept-alive requests of two workers, with and without an access log',
  answer: async (effort) => {
    const result = await contest(
      [WITHOUT, COMBINED, JSON_LINES],
      { connections: 32, mode: 'keep-alive' },
      effort,
    );
    for (const line of table(result)) console.log(line);
    return [
      ...compare(
        result,
        [COMBINED, JSON_LINES].map(({ name }) => ({
          what: `requests/s of ${name} by those without`,
          of: name,
          to: WITHOUT.name,
          figure: ({ perSecond }) => perSecond,
          target: { atLeast: 0.95 },
        })),
      ),
      errorRow(result),
    ];
  },
};
