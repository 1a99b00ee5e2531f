// The edges that follow the fleet, as they tell it, and when they lead clients by what this machine has written.
import { setTimeout as delay } from 'node:timers/promises';
import type { FleetEdge, FleetEdgeProgress } from '@vhostd/protocol';
import type { EtcdClient } from '../etcd/etcd-client.js';
import { edgeRecord, parseKey, parseRecord } from '../layout.js';

/** What is waited for. */
export interface EdgeWait {
  readonly prefix: string;
  readonly machine: string;
  /** Of the last change of this machine, which may come to be another one meanwhile. */
  readonly revision: () => string;
  readonly timeoutMs: number;
  /** How long those who do not tell have to know of a change, ms. */
  readonly followMs: number;
}

/** @throws {Error} the store does not answer. */
export async function readEdges(store: Pick<EtcdClient, 'range'>, prefix: string): Promise<FleetEdge[]> {
  const { entries } = await store.range(`${prefix}/edges/`);
  return [...entries].flatMap(([key, value]) => {
    const name = parseKey(prefix, key);
    const record = parseRecord(edgeRecord, value);
    return name?.kind === 'edge' && record !== undefined
      ? [{ edge: name.edge, ...record, kept: { ...record.kept } }]
      : [];
  });
}

/**
 * Resolves when all edges lead by a revision, or at the limit of time. Where none tells how far it is, whoever else
 * follows the store has time to know.
 * @throws {Error} the store does not answer.
 */
export async function untilEdgesFollow(
  store: Pick<EtcdClient, 'range'>,
  { prefix, machine, revision, timeoutMs, followMs }: EdgeWait,
): Promise<FleetEdgeProgress[]> {
  const fromMs = performance.now();
  for (;;) {
    const wanted = BigInt(revision());
    const edges = (await readEdges(store, prefix)).map(({ edge, revision: applied, haproxy, kept }) => ({
      edge,
      haproxy,
      applied: BigInt(applied) >= wanted,
      kept: kept[machine] ?? 0,
    }));
    const waitedMs = performance.now() - fromMs;
    if (waitedMs >= timeoutMs) return edges;
    const isKnown = edges.length === 0 ? waitedMs >= followMs : edges.every(({ applied }) => applied);
    if (isKnown) return edges;
    await delay(LOOK_MS);
  }
}

const LOOK_MS = 200;
