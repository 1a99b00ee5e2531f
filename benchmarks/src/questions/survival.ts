// What do clients notice of a reload, and of a process that is killed? vhostd, PM2 and nginx side by side.
import { addOutcomes, emptyOutcome, failedCount } from '../load/outcome.js';
import type { GroupPlan } from '../load/fault-load.js';
import type { Outcome } from '../load/outcome.js';
import { loadAverage } from '../measure/machine.js';
import { interleave } from '../measure/rounds.js';
import type { Row } from '../measure/report.js';
import { nginxSystem } from '../servers/nginx-system.js';
import { pm2System } from '../servers/pm2-system.js';
import { PROCESS_COUNT } from '../servers/system.js';
import type { Fault, System } from '../servers/system.js';
import { vhostdSystem } from '../servers/vhostd-system.js';
import type { Question } from './question.js';
import { survivalTable } from './survival-table.js';
import type { SurvivalLine } from './survival-table.js';
import { PAUSE_MAX_MS, RELOADS_IN_A_ROW, trial } from './trial.js';

/** Both kinds of clients ask at the same time. */
const GROUPS: readonly (GroupPlan & { name: string })[] = [
  { name: 'kept-alive', clients: 64, keepAlive: true },
  { name: 'fresh', clients: 16, keepAlive: false },
];

const FAULTS: Readonly<Record<Fault, string>> = {
  reload: 'reload',
  worker: 'kill -9 of a process that runs the site',
  supervisor: "kill -9 of vhostd's master, PM2's daemon, nginx's master",
  daemon: "kill -9 of vhostd's daemon",
  front: "kill -9 of one of nginx's workers",
};

export const survival: Question = {
  title: `What clients notice of reloads and kills, ${PROCESS_COUNT} processes`,
  answer: async ({ rounds, durationMs }) => {
    const systems = new Map<string, System>();
    const absent: string[] = [];
    try {
      for (const kind of [vhostdSystem, pm2System, nginxSystem]) {
        const installed = await kind.install();
        if ('unavailable' in installed) absent.push(`${kind.name.padEnd(8)} ${installed.unavailable}`);
        else systems.set(kind.name, installed);
      }
      const versions = [...systems.values()].map(({ name, version }) => `${name} ${version}`);
      console.log(`systems  ${versions.join(', ')}; load average ${loadAverage()}`);
      for (const line of absent) console.log(line);
      console.log(
        `clients  ${GROUPS.map(({ name, clients }) => `${clients} ${name}`).join(' and ')} at once, POST of 16 KB, ` +
          `pauses of 0 to ${PAUSE_MAX_MS} ms, nothing is repeated`,
      );
      const lines: SurvivalLine[] = [];
      for (const fault of Object.keys(FAULTS) as Fault[]) {
        lines.push(...(await underFault(systems, fault, rounds, durationMs)));
      }
      for (const line of survivalTable(lines)) console.log(line);
      console.log(`load average ${loadAverage()} behind it`);
      return targets(lines.filter(({ system }) => system === 'vhostd'));
    } finally {
      for (const system of systems.values()) await system.remove();
    }
  },
};

/** A line for each group of clients and each system that the fault can be done to. */
async function underFault(
  systems: ReadonlyMap<string, System>,
  fault: Fault,
  rounds: number,
  watchMs: number,
): Promise<SurvivalLine[]> {
  const names = [...systems.values()].filter(({ faults }) => faults.includes(fault)).map(({ name }) => name);
  const figures = await interleave(names, rounds, async (name) => {
    const system = systems.get(name);
    if (system === undefined) throw new Error(`${name} is not there`);
    return await trial(system, { fault, groups: GROUPS, watchMs });
  });
  const count = fault === 'reload' ? rounds * RELOADS_IN_A_ROW : rounds;
  return GROUPS.flatMap(({ name: group, clients }, index) =>
    [...figures].map(([system, outcomes]) => ({
      what: `${FAULTS[fault]}, ${count} times, ${clients} ${group}`,
      fault,
      system,
      outcome: outcomes
        .map((groups) => groups[index] ?? emptyOutcome())
        .reduce((sum, each) => addOutcomes(sum, each), emptyOutcome()),
    })),
  );
}

/** What vhostd promises of each fault. */
function targets(lines: readonly SurvivalLine[]): Row[] {
  const total = (faults: readonly Fault[], figure: (outcome: Outcome) => number): number =>
    lines
      .filter(({ fault }) => faults.includes(fault))
      .reduce((sum, { outcome }) => sum + figure(outcome), 0);
  const zero = (what: string, faults: readonly Fault[], figure: (outcome: Outcome) => number): Row => ({
    what: `vhostd: ${what}`,
    value: total(faults, figure),
    unit: `of ${total(faults, ({ sent }) => sent)}`,
    target: { atMost: 0 },
  });
  return [
    zero('requests that failed in reloads', ['reload'], failedCount),
    zero('connections closed unannounced in reloads', ['reload'], ({ closed }) => closed),
    zero('requests that failed when the master was killed', ['supervisor'], failedCount),
    zero('connections closed unannounced then', ['supervisor'], ({ closed }) => closed),
    zero('requests that failed when the daemon was killed', ['daemon'], failedCount),
    zero('connections closed unannounced then', ['daemon'], ({ closed }) => closed),
    // A killed worker takes with it what it had in work, as a reset; nobody else may notice.
    zero(
      'refused, timed out or wrong when a worker was killed',
      ['worker'],
      ({ refused, timedOut, wrong }) => refused + timedOut + wrong,
    ),
  ];
}
