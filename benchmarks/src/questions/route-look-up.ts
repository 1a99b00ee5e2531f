// Does finding the site of a host take longer the more hosts there are?
import { parseHostPattern } from '../../../packages/master/dist/hosts/host-pattern.js';
import { RouteTable } from '../../../packages/master/dist/routing/route-table.js';
import { interleave, median, ratio } from '../measure/rounds.js';
import type { Row } from '../measure/report.js';
import type { Question } from './question.js';

export const routeLookUp: Question = {
  title: 'Route look-up',
  answer: async ({ rounds }) => {
    const tables = new Map(SIZES.map((size) => [String(size), tableOf(size)]));
    const measure = async (name: string, inUse: number): Promise<number> => {
      const table = tables.get(name);
      if (table === undefined) throw new Error(`no table of ${name} hosts`);
      return await Promise.resolve(lookUpNanoseconds(table, Number(name), inUse));
    };
    const names = [...tables.keys()];
    await interleave(names, 5, (name) => measure(name, Infinity));
    const count = Math.max(rounds, 5);
    const warm = await interleave(names, count, (name) => measure(name, HOSTS_IN_USE));
    const cold = await interleave(names, count, (name) => measure(name, Infinity));
    const rows: Row[] = [];
    for (const name of names) {
      rows.push({
        what: `look-up among ${name} hosts, up to ${HOSTS_IN_USE} in use`,
        value: median(warm.get(name) ?? []),
        unit: 'ns',
      });
    }
    const { median: value, low, high } = ratio(warm.get('100000') ?? [], warm.get('1000') ?? []);
    // Larger tables miss the caches more often; a search through the hosts would give 100.
    const target = { atMost: 3 };
    rows.push({ what: 'the last by the one before', value, unit: 'x', spread: { low, high }, target });
    // Here each look-up reads memory that no cache holds.
    rows.push({
      what: 'look-up among 100000 hosts, all in use',
      value: median(cold.get('100000') ?? []),
      unit: 'ns',
      target: { atMost: 1000 },
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
function lookUpNanoseconds(table: RouteTable<Target>, size: number, inUse: number): number {
  const chosen = Math.min(size, inUse);
  // Odd, so that one host in ten is a wildcard here, too.
  const step = chosen < size ? Math.floor(size / chosen) - 1 : 1;
  const hosts: { host: string; siteId: string }[] = [];
  for (let count = 0; count < LOOK_UPS; count += 1) {
    const index = Math.floor(Math.random() * chosen) * step;
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
/** Hosts that requests ask for at one time. */
const HOSTS_IN_USE = 500;
const SIZES = [10, 1000, 100_000];
const LOOK_UPS = 50_000;
