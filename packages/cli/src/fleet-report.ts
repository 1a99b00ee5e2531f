// What `vhostd fleet status` shows: this machine, all machines, a line a host and machine, and where they do not agree.
import type {
  FleetDrainResult,
  FleetHost,
  FleetHostMachine,
  FleetStatus,
  FleetStore,
} from '@vhostd/protocol';
import { counted } from './counted.js';
import { columns, within, wrapped } from './columns.js';
import { printableLine } from './printable.js';

/** What came of a machine being taken out, or brought back; a sentence a line. */
export function drainReport({ machine, drained, edges, alone }: FleetDrainResult): string[] {
  const verb = drained ? 'drained' : 'back';
  const followed = edges.filter(({ applied }) => applied).map(({ edge }) => edge);
  const kept = edges.filter((edge) => drained && edge.kept > 0);
  const hosts = alone.count > alone.hosts.length ? [...alone.hosts, '…'] : alone.hosts;
  return [
    edges.length === 0
      ? `${machine} is ${verb}: the store has it; no edge tells whether it has applied it`
      : followed.length === 0
        ? `${machine} is ${verb} in the store`
        : `${machine} is ${verb}: applied by ${followed.join(', ')}`,
    ...edges
      .filter(({ applied }) => !applied)
      .map(({ edge, haproxy }) => {
        const why = haproxy === 'fails' ? ': its HAProxy does not answer' : '';
        return `${edge} has not applied it in time${why}`;
      }),
    ...kept.map(
      ({ edge, kept: count }) =>
        `${edge} leads clients here still for ${counted(count, 'host')}: no other machine is left`,
    ),
    ...(drained && alone.count > 0 ? [`no other machine has up: ${hosts.join(', ')}`] : []),
  ];
}

/** `width`: of a line, in characters. `wanted`: the host that was asked for. */
export function fleetReport(status: FleetStatus, width: number, wanted?: string): string[] {
  const { store, storeError } = status;
  const head = columns(standingRows(status)).map(printableLine);
  if (store === undefined) {
    const why = printableLine(`the store can't be read: ${storeError ?? 'it was not asked'}`);
    return [...head.flatMap((line) => wrapped(line, width)), '', ...wrapped(why, width)];
  }
  const remarks = remarksOn(status, store, wanted).flatMap((line) => wrapped(printableLine(line), width));
  return [
    ...head.flatMap((line) => wrapped(line, width)),
    '',
    ...machineTable(store, width),
    ...(store.edges.length === 0 ? [] : ['', ...edgeTable(store, width)]),
    ...(store.hosts.length === 0 ? [] : ['', ...hostTable(store.hosts, width)]),
    ...(remarks.length === 0 ? [] : ['', ...remarks]),
  ];
}

function standingRows(status: FleetStatus): string[][] {
  const { machine, address, state, drained, endpoint, lease, store, lastError } = status;
  const where = endpoint === undefined ? '' : ` to ${endpoint}`;
  const out = drained === undefined ? '' : ', drained until vhostd fleet resume';
  return [
    ['machine', `${machine} at ${address}${out}`],
    ['state', state === 'connected' ? `connected${where}` : state],
    ['lease', lease ?? 'none'],
    ...(store === undefined ? [] : [['revision', store.revision]]),
    ...(lastError === undefined ? [] : [['last error', `${lastError.time} ${lastError.message}`]]),
  ];
}

function machineTable({ machines }: FleetStore, width: number): string[] {
  if (machines.length === 0) return ['no machines'];
  const rows = machines.map(({ machine, address, drained, up, drain, version, started }) => [
    within(machine, nameWidth(width)),
    address,
    drained === undefined ? 'up' : 'drained',
    String(up + drain),
    String(drain),
    version,
    started.slice(0, STARTED_CHARS),
  ]);
  return table([MACHINE_HEADINGS, ...rows], width);
}

function edgeTable({ edges }: FleetStore, width: number): string[] {
  const rows = edges.map(({ edge, revision, haproxy, kept }) => [
    within(edge, width < WIDE ? 30 : 63),
    revision,
    haproxy,
    Object.keys(kept).join(', ') || '-',
  ]);
  return table([EDGE_HEADINGS, ...rows], width);
}

function hostTable(hosts: readonly FleetHost[], width: number): string[] {
  const rows = hosts.flatMap(({ host, machines, conflicts }) =>
    machines.map((record, index) => [
      index === 0 ? within(host, Math.max(MIN_HOST_WIDTH, width - OTHER_CELLS_WIDTH)) : '',
      within(record.machine, nameWidth(width)),
      conflicts === undefined ? record.state : `${record.state}!`,
      within(record.site, nameWidth(width)),
      waysOf(record),
    ]),
  );
  return table([HOST_HEADINGS, ...rows], width);
}

/** Such as `8080, 8443 tls proxy`. */
function waysOf({ listen }: FleetHostMachine): string {
  return listen
    .map(({ port, tls, proxy }) =>
      [port, ...(tls === 'none' ? [] : ['tls']), ...(proxy === 'none' ? [] : ['proxy'])].join(' '),
    )
    .join(', ');
}

function remarksOn(status: FleetStatus, store: FleetStore, wanted: string | undefined): string[] {
  const { machine, state, lease } = status;
  const { hosts, hostCount, conflictCount, machines, unreadable } = store;
  const own = machines.find((one) => one.machine === machine);
  const isRivalled = state === 'connected' && own !== undefined && own.lease !== lease;
  const conflicts = hosts.filter((host) => host.conflicts !== undefined);
  const left = hostCount - hosts.length;
  return [
    ...(isRivalled ? [`another vhostd publishes as ${machine} too, from ${own.address}: rename one`] : []),
    ...conflicts.map(describeConflict),
    ...(wanted === undefined && conflictCount > conflicts.length
      ? [`${conflictCount - conflicts.length} more hosts have conflicts`]
      : []),
    ...(wanted !== undefined && hosts.length === 0 ? [`no machine publishes ${wanted}`] : []),
    ...(wanted === undefined && hostCount === 0 ? ['no machine publishes a host'] : []),
    ...(wanted === undefined && left > 0
      ? [`${left} more of ${hostCount} hosts: vhostd fleet status --host HOST shows one`]
      : []),
    ...(unreadable === undefined
      ? []
      : [`${unreadable.count} keys can't be read, such as ${unreadable.keys.join(', ')}`]),
  ];
}

function describeConflict({ host, conflicts = [] }: FleetHost): string {
  const said = conflicts.map(({ field, claims }) => {
    const parts = claims.map(({ value, machines }) => {
      const named = machines.slice(0, NAMED_COUNT).join(', ');
      const more = machines.length > NAMED_COUNT ? ` and ${machines.length - NAMED_COUNT} more` : '';
      return `${value} on ${named}${more}`;
    });
    return `${field} is ${parts.join(' and ')}`;
  });
  return `${host}: machines do not agree: ${said.join('; ')}`;
}

function table(rows: readonly (readonly string[])[], width: number): string[] {
  return columns(rows.map((row) => row.map(printableLine))).map((line) => within(line, width));
}

function nameWidth(width: number): number {
  return width < WIDE ? 14 : 63;
}

const MACHINE_HEADINGS = ['MACHINE', 'ADDRESS', 'STATE', 'HOSTS', 'DRAIN', 'VERSION', 'STARTED'];
const EDGE_HEADINGS = ['EDGE', 'REVISION', 'HAPROXY', 'KEEPS'];
const HOST_HEADINGS = ['HOST', 'MACHINE', 'STATE', 'SITE', 'PORTS'];
/** `2026-11-27T14:35`. */
const STARTED_CHARS = 16;
const MIN_HOST_WIDTH = 16;
/** What the cells beside a host take, and a port or two. */
const OTHER_CELLS_WIDTH = 54;
const WIDE = 100;
const NAMED_COUNT = 5;
