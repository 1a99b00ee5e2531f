// Does finding the site of a host take longer the more hosts there are?
import { parseHostPattern } from '../../../packages/master/dist/routing/host-pattern.js';
import { RouteTable } from '../../../packages/master/dist/routing/route-table.js';
import { interleave, median, ratio } from '../measure/rounds.js';
import type { Row } from '../measure/report.js';
import type { Question } from './question.js';

export const routeLookUp: Question = {
  title: 'Route look-up',
  answer: async ({ rounds }) => {
    const tables = new Map(SIZES.map((size) => [String(size), tableOf(size)]));
    const measure = async (name: string): Promise<number> => {
      const table = tables.get(name);
      if (table === undefined) throw new Error(`no table of ${name} hosts`);
      return await Promise.resolve(lookUpNanoseconds(table, Number(name)));
    };
    await interleave([...tables.keys()], 5, measure);
    const figures = await interleave([...tables.keys()], Math.max(rounds, 5), measure);
    const rows: Row[] = SIZES.map((size) => ({
      what: `look-up among ${size} hosts`,
      value: median(figures.get(String(size)) ?? []),
      unit: 'ns',
    }));
    const { median: value, low, high } = ratio(figures.get('100000') ?? [], figures.get('10') ?? []);
    rows.push({
      what: 'look-up among 100000 hosts by that among 10',
      value,
      unit: 'x',
      spread: { low, high },
      target: { atMost: 2 },
    });
    return rows;
  },
};

interface Target {
  readonly siteId: string;
}

/** One host in ten is a wildcard; each host is a site of its own. */
function tableOf(size: number): RouteTable<Target> {
  const built = RouteTable.build<Target>(
    Array.from({ length: size }, (_, index) => ({
      listenerKey: LISTENER,
      pattern: parseHostPattern(index % 10 === 9 ? `*.host-${index}.test` : `host-${index}.test`),
      target: { siteId: String(index) },
    })),
  );
  if ('conflict' in built) throw new Error('the hosts are not distinct');
  return built.table;
}

/** Looks up hosts at random, as fresh strings like those that are cut out of a request's head. */
function lookUpNanoseconds(table: RouteTable<Target>, size: number): number {
  const hosts: { host: string; siteId: string }[] = [];
  for (let count = 0; count < LOOK_UPS; count += 1) {
    const index = Math.floor(Math.random() * size);
    const host = index % 10 === 9 ? `some.host-${index}.test` : `host-${index}.test`;
    hosts.push({ host: Buffer.from(host, 'latin1').toString('latin1'), siteId: String(index) });
  }
  const found: (Target | undefined)[] = Array.from({ length: LOOK_UPS });
  const startedNs = process.hrtime.bigint();
  for (let count = 0; count < LOOK_UPS; count += 1)
    found[count] = table.lookup(LISTENER, hosts[count]?.host ?? '');
  const tookNs = Number(process.hrtime.bigint() - startedNs);
  const wrong = hosts.findIndex(({ siteId }, at) => found[at]?.siteId !== siteId);
  if (wrong !== -1) throw new Error(`${hosts[wrong]?.host} led to ${found[wrong]?.siteId}`);
  return tookNs / LOOK_UPS;
}

const LISTENER = '127.0.0.1|80';
const SIZES = [10, 1000, 100_000];
const LOOK_UPS = 50_000;
