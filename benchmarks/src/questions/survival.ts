// What do clients notice of a reload, and of a process that is killed? vhostd, PM2 and nginx side by side.
import { addOutcomes, emptyOutcome, failedCount } from '../load/outcome.js';
import type { GroupPlan } from '../load/clients.js';
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
  return GROUPS.flatMap(({ name: group, clients, keepAlive }, index) =>
    [...figures].map(([system, outcomes]) => ({
      what: `${FAULTS[fault]}, ${count} times, ${clients} ${group}`,
      fault,
      keepAlive,
      system,
      outcome: outcomes
        .map((groups) => groups[index] ?? emptyOutcome())
        .reduce((sum, each) => addOutcomes(sum, each), emptyOutcome()),
    })),
  );
}

/** What vhostd promises of each fault. */
function targets(lines: readonly SurvivalLine[]): Row[] {
  const row = (what: string, among: readonly SurvivalLine[], figure: (outcome: Outcome) => number): Row => {
    const outcome = among.map((line) => line.outcome).reduce(addOutcomes, emptyOutcome());
    return { what: `vhostd: ${what}`, value: figure(outcome), unit: `of ${outcome.sent}` };
  };
  const zero = (...of: Parameters<typeof row>): Row => ({ ...row(...of), target: { atMost: 0 } });
  const under = (fault: Fault): SurvivalLine[] => lines.filter((line) => line.fault === fault);
  const fresh = (line: SurvivalLine): boolean => !line.keepAlive;
  const kept = (line: SurvivalLine): boolean => line.keepAlive;
  const strange = ({ refused, timedOut, wrong }: Outcome): number => refused + timedOut + wrong;
  return [
    zero('failed in reloads', under('reload'), failedCount),
    zero('closed unannounced in reloads', under('reload'), ({ closed }) => closed),
    // A killed worker takes with it what it had in work, as a reset; nobody else may notice.
    zero('refused, timed out or wrong at the kill of a worker', under('worker'), strange),
    ...(['supervisor', 'daemon'] as const).flatMap((fault) => {
      const name = fault === 'daemon' ? 'daemon' : 'master';
      return [
        zero(`failed on kept connections at the kill of the ${name}`, under(fault).filter(kept), failedCount),
        zero(`closed unannounced at the kill of the ${name}`, under(fault), ({ closed }) => closed),
        zero(`refused, timed out or wrong at the kill of the ${name}`, under(fault), strange),
      ];
    }),
    zero('failed on fresh connections at the kill of the daemon', under('daemon').filter(fresh), failedCount),
    // The master takes with it what it has accepted and whose first bytes it waits for.
    row(
      'reset on fresh connections at the kill of the master',
      under('supervisor').filter(fresh),
      ({ reset }) => reset,
    ),
  ];
}
