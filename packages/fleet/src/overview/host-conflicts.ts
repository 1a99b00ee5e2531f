// What machines say differently of one host. Nobody decides who is right: it is shown. Pure.
import type { FleetConflict, FleetHostMachine } from '@vhostd/protocol';

/** Ports, weights and generations may differ; whose a host is, and how it is reached, may not. */
export function hostConflicts(machines: readonly FleetHostMachine[]): FleetConflict[] {
  return FIELDS.flatMap((field) => {
    const claims = new Map<string, string[]>();
    for (const record of machines) {
      const value = claimOf(field, record);
      claims.set(value, [...(claims.get(value) ?? []), record.machine]);
    }
    if (claims.size < 2) return [];
    return [{ field, claims: [...claims].map(([value, named]) => ({ value, machines: named })) }];
  });
}

function claimOf(field: FleetConflict['field'], { site, listen }: FleetHostMachine): string {
  if (field === 'site') return site;
  if (field === 'tls') return [...new Set(listen.map(({ tls }) => tls))].toSorted().join(', ');
  return [...new Set(listen.map(({ proxy }) => proxy))].toSorted().join(', ');
}

const FIELDS = ['site', 'tls', 'proxy'] as const;
