// The edges that follow the fleet, as they tell it, and when they lead clients by what this machine has written.
import type { FleetEdgeProgress } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';
import type { Change, EtcdClient } from '../etcd/etcd-client.js';
import { FleetFollower } from '../etcd/fleet-follower.js';
import { edgeRecord, parseKey, parseRecord } from '../layout.js';
import type { EdgeRecord } from '../layout.js';

/** What is waited for. */
export interface EdgeWait {
  readonly prefix: string;
  readonly machine: string;
  /** Of the last change of this machine, which may come to be another one meanwhile. */
  readonly revision: () => string;
  readonly timeoutMs: number;
  /** How long those who do not tell have to know of a change, ms. */
  readonly followMs: number;
  /** Only edges whose HAProxy answers are waited for. */
  readonly answering: boolean;
}

/**
 * Resolves when all edges lead by a revision and whoever else follows the store has had time to know, or at the limit of
 * time.
 * @throws {Error} the store does not answer.
 */
export async function untilEdgesFollow(store: EtcdClient, wait: EdgeWait): Promise<FleetEdgeProgress[]> {
  const { prefix, timeoutMs, followMs, answering } = wait;
  const edges = new Map<string, EdgeRecord>();
  const followed = new Deferred<void>();
  const passed = { isRead: false, isDue: false };
  const look = (): void => {
    const isAwaited = ({ applied, haproxy }: FleetEdgeProgress): boolean =>
      !applied && !(answering && haproxy === 'fails');
    if (passed.isRead && passed.isDue && !progressOf(edges, wait).some(isAwaited)) followed.resolve();
  };
  const take = (changes: readonly Change[]): void => {
    for (const { key, value } of changes) {
      const name = parseKey(prefix, key);
      if (name?.kind !== 'edge') continue;
      const record = value === undefined ? undefined : parseRecord(edgeRecord, value);
      if (record === undefined) edges.delete(name.edge);
      else edges.set(name.edge, record);
    }
    look();
  };
  const follower = new FleetFollower(store, `${prefix}/edges`, {
    onSnapshot: (entries) => {
      edges.clear();
      passed.isRead = true;
      take([...entries].map(([key, value]) => ({ key, value })));
    },
    onChanges: take,
    onLost: (message) => followed.reject(new Error(message)),
  });
  const due = setTimeout(() => {
    passed.isDue = true;
    look();
  }, followMs);
  const limit = setTimeout(() => followed.resolve(), timeoutMs);
  void follower.run();
  try {
    await followed.promise;
  } finally {
    for (const timer of [due, limit]) clearTimeout(timer);
    follower.end();
  }
  return progressOf(edges, wait);
}

function progressOf(
  edges: ReadonlyMap<string, EdgeRecord>,
  { machine, revision }: EdgeWait,
): FleetEdgeProgress[] {
  const wanted = BigInt(revision());
  return [...edges].map(([edge, { revision: applied, haproxy, kept }]) => ({
    edge,
    haproxy,
    applied: BigInt(applied) >= wanted,
    kept: kept[machine] ?? 0,
  }));
}
