// What does it cost to hand a connection over?
import { median } from '../measure/rounds.js';
import { nodeCluster } from '../servers/node-cluster.js';
import { directVhostd, vhostd } from '../servers/vhostd.js';
import { compare, errorRow, table } from './compare.js';
import type { Comparison } from './compare.js';
import { contest } from './contest.js';
import type { Round } from './contest.js';
import type { Question } from './question.js';

export const newConnections: Question = {
  title: 'New connections (Connection: close) by virtual host, two workers',
  answer: async (effort) => {
    const result = await contest(
      [nodeCluster, vhostd('native'), vhostd('pipe'), vhostd('ipc'), directVhostd()],
      { connections: 32, mode: 'close' },
      effort,
    );
    for (const line of table(result)) console.log(line);
    const cluster = { to: 'node:cluster' };
    const all = ({ frontMicroseconds, workersMicroseconds }: Round): number =>
      frontMicroseconds + workersMicroseconds;
    const rate = (round: Round): number => round.perSecond;
    const comparisons: Comparison[] = [
      {
        ...cluster,
        what: "connections/s by those of node:cluster, transport 'native'",
        of: 'vhostd (native)',
        figure: rate,
        target: { atLeast: 1.5 },
      },
      {
        ...cluster,
        what: "connections/s by those of node:cluster, transport 'pipe'",
        of: 'vhostd (pipe)',
        figure: rate,
        target: { atLeast: 1.15 },
      },
      {
        ...cluster,
        what: "connections/s by those of node:cluster, transport 'ipc'",
        of: 'vhostd (ipc)',
        figure: rate,
        target: { atLeast: 0.9 },
      },
      {
        ...cluster,
        what: "p99 latency by that of node:cluster, transport 'native'",
        of: 'vhostd (native)',
        figure: (round) => round.p99Ms,
        target: { atMost: 1 },
      },
      {
        ...cluster,
        what: "p99 latency by that of node:cluster, transport 'pipe'",
        of: 'vhostd (pipe)',
        figure: (round) => round.p99Ms,
        target: { atMost: 1 },
      },
      {
        ...cluster,
        what: "p99 latency by that of node:cluster, transport 'ipc'",
        of: 'vhostd (ipc)',
        figure: (round) => round.p99Ms,
        target: { atMost: 1 },
      },
      {
        ...cluster,
        what: 'connections/s by those of node:cluster, direct accept',
        of: 'vhostd (direct)',
        figure: rate,
        target: { atLeast: 1.5 },
      },
      {
        ...cluster,
        what: 'p99 latency by that of node:cluster, direct accept',
        of: 'vhostd (direct)',
        figure: (round) => round.p99Ms,
        target: { atMost: 1 },
      },
      {
        ...cluster,
        what: 'CPU time per connection by that of node:cluster, direct accept, all processes',
        of: 'vhostd (direct)',
        figure: all,
      },
      {
        what: "CPU time per connection by that of the pipe, transport 'native', all processes",
        of: 'vhostd (native)',
        to: 'vhostd (pipe)',
        figure: all,
        target: { atMost: 0.85 },
      },
    ];
    const front = [...result.rounds].map(([name, rounds]) => ({
      what: `CPU of the accepting process per connection, ${name}`,
      value: median(rounds.map((round) => round.frontMicroseconds)),
      unit: 'µs',
      ...(name === 'vhostd (native)' ? { target: { atMost: 25 } } : {}),
    }));
    return [...compare(result, comparisons), ...front, errorRow(result)];
  },
};
