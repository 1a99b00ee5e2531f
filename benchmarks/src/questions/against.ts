// Has a connection, or a request, become dearer since an older commit?
import type { Row } from '../measure/report.js';
import { nodeCluster } from '../servers/node-cluster.js';
import { buildOlder } from '../servers/older-build.js';
import { olderVhostd, vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import { contest } from './contest.js';
import type { Round } from './contest.js';
import type { Question } from './question.js';

/** Both as they are built, in the same run: what else the machine does falls on both alike. */
export function against(commit: string): Question {
  return {
    title: `New and kept-alive connections beside the build of ${commit}, two workers`,
    answer: async (effort) => {
      const older = await buildOlder(commit);
      const then = olderVhostd(commit, older);
      const rows: Row[] = [];
      try {
        for (const mode of ['close', 'keep-alive'] as const) {
          const now = vhostd('pipe');
          const result = await contest([nodeCluster, now, then], { connections: 32, mode }, effort);
          console.log(mode);
          for (const line of table(result)) console.log(line);
          const both = { of: now.name, to: then.name };
          const figures: [string, (round: Round) => number][] = [
            ['requests/s', ({ perSecond }) => perSecond],
            ['p99 latency', ({ p99Ms }) => p99Ms],
            ['CPU of the accepting process per request', ({ frontMicroseconds }) => frontMicroseconds],
            ['CPU of the workers per request', ({ workersMicroseconds }) => workersMicroseconds],
          ];
          const comparisons = figures.map(([what, figure]) => ({
            ...both,
            what: `${mode}: ${what} by that of ${commit}`,
            figure,
          }));
          rows.push(...compare(result, comparisons), errorRow(result));
        }
      } finally {
        await older.remove();
      }
      return rows;
    },
  };
}
