// What does a site cost that does nothing? The same with 10, 200 and 1000 of them beside 64 workers that run.
import { setTimeout as delay } from 'node:timers/promises';
import { get } from 'node:http';
import { answerOf } from '../processes/answer.js';
import { fineCpuMicroseconds, residentBytes } from '../measure/process-usage.js';
import type { Row } from '../measure/report.js';
import { median } from '../measure/rounds.js';
import { awakeId, sleepingId, startManySites, WORKERS_EACH } from '../servers/many-sites.js';
import type { ManySites } from '../servers/many-sites.js';
import type { Question } from './question.js';

const AWAKE_COUNT = 16;
const SLEEPING_COUNTS = [10, 200, 1000] as const;

/** With one number of sleeping sites. CPU time is that of the master, in ms. */
interface Figures {
  bootMs: number;
  bootCpu: number;
  statusMs: number;
  statusCpu: number;
  reloadMs: number;
  reloadCpu: number;
  sleepingReloadCpu: number;
  wakeMs: number;
  wakeCpu: number;
  megabytes: number;
}

/** How each is called, and how much more it may be with 1000 than with 200 sites, or than with 10. */
const FIGURES: Readonly<Record<keyof Figures, { what: string; from: 10 | 200; atMost?: number }>> = {
  bootMs: { what: 'boot until all is ready, ms', from: 200 },
  bootCpu: { what: 'boot, CPU time of the master, ms', from: 200, atMost: 5 },
  statusMs: { what: 'status, ms', from: 200 },
  statusCpu: { what: 'status, CPU time of the master, ms', from: 200, atMost: 5 },
  reloadMs: { what: `reload of one with ${WORKERS_EACH} workers, ms`, from: 10 },
  reloadCpu: { what: 'the same, CPU time of the master, ms', from: 10, atMost: 1.5 },
  sleepingReloadCpu: { what: 'reload of a sleeping one, CPU time of the master, ms', from: 10, atMost: 1.5 },
  wakeMs: { what: 'first request of a sleeping one, ms', from: 10 },
  wakeCpu: { what: 'the same, CPU time of the master, ms', from: 10, atMost: 1.5 },
  megabytes: { what: "master's resident memory, MB", from: 200, atMost: 5 },
};

export const scale: Question = {
  title: `${SLEEPING_COUNTS.join(', ')} sleeping sites beside ${AWAKE_COUNT * WORKERS_EACH} workers that run`,
  answer: async ({ rounds }) => {
    const all = new Map<number, Figures>();
    for (const sleepingCount of SLEEPING_COUNTS) {
      const system = await startManySites({ sleepingCount, awakeCount: AWAKE_COUNT });
      try {
        all.set(sleepingCount, await measure(system, Math.min(rounds, sleepingCount - 1)));
      } finally {
        await system.stop();
      }
    }
    for (const line of table(all)) console.log(line);
    return rowsOf(all);
  },
};

async function measure(system: ManySites, rounds: number): Promise<Figures> {
  const { client, masterPid, bootMs } = system;
  const bootCpu = fineCpuMicroseconds(masterPid) / 1000;
  await delay(SETTLE_MS);
  const megabytes = residentBytes(masterPid) / 2 ** 20;
  const statuses = await timed(system, rounds, () => client.status());
  const sleepingReloads = await timed(system, rounds, () => client.reload(sleepingId(0)));
  const reloads = await timed(system, rounds, (round) => client.reload(awakeId(round % AWAKE_COUNT)));
  // Each one sleeps until then.
  const wakes = await timed(system, rounds, (round) => ask(system.port, `${sleepingId(round + 1)}.test`));
  return {
    bootMs,
    bootCpu,
    megabytes,
    statusMs: statuses.ms,
    statusCpu: statuses.cpuMs,
    reloadMs: reloads.ms,
    reloadCpu: reloads.cpuMs,
    sleepingReloadCpu: sleepingReloads.cpuMs,
    wakeMs: wakes.ms,
    wakeCpu: wakes.cpuMs,
  };
}

/** Medians. What follows from it, such as the end of old workers, is not in the CPU time; its beginnings are. */
async function timed(
  { masterPid }: ManySites,
  rounds: number,
  act: (round: number) => Promise<unknown>,
): Promise<{ ms: number; cpuMs: number }> {
  const [times, cpuTimes]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    await delay(BETWEEN_MS);
    const [startMs, startCpu] = [performance.now(), fineCpuMicroseconds(masterPid)];
    await act(round);
    times.push(performance.now() - startMs);
    cpuTimes.push((fineCpuMicroseconds(masterPid) - startCpu) / 1000);
  }
  return { ms: median(times), cpuMs: median(cpuTimes) };
}

/** @throws {Error} on any other answer than the site's. */
async function ask(port: number, host: string): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false, headers: { Host: host } }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    }).on('error', reject);
  });
  if (answer !== answerOf(host)) throw new Error(`${host} answered ${JSON.stringify(answer.slice(0, 80))}`);
}

/** As Markdown. */
function table(all: ReadonlyMap<number, Figures>): string[] {
  const columns = [...all.keys()];
  return [
    `| ${'sleeping sites'.padEnd(WHAT_WIDTH)} | ${columns.map((count) => String(count).padStart(8)).join(' | ')} |`,
    `| ${'-'.repeat(WHAT_WIDTH)} | ${columns.map(() => `${'-'.repeat(7)}:`).join(' | ')} |`,
    ...names().map((name) => {
      const cells = [...all.values()].map((figures) => shown(figures[name]).padStart(8));
      return `| ${FIGURES[name].what.padEnd(WHAT_WIDTH)} | ${cells.join(' | ')} |`;
    }),
  ];
}

function rowsOf(all: ReadonlyMap<number, Figures>): Row[] {
  return names().flatMap((name) => {
    const { what, from, atMost } = FIGURES[name];
    const [base, value] = [all.get(from)?.[name], all.get(1000)?.[name]];
    if (atMost === undefined || base === undefined || value === undefined) return [];
    return [{ what: `${what}: 1000 by ${from}`, value: value / base, unit: 'x', target: { atMost } }];
  });
}

function names(): (keyof Figures)[] {
  return Object.keys(FIGURES) as (keyof Figures)[];
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** Time for what a boot leaves to do, ms. */
const SETTLE_MS = 3000;
/** Old workers leave meanwhile, ms. */
const BETWEEN_MS = 400;
const WHAT_WIDTH = 52;
