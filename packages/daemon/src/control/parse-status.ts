// Narrows the status that another process tells of itself and of its sites.
import type {
  DaemonStatus,
  MasterCounts,
  MasterStatus,
  SiteState,
  SiteStatus,
  WorkerState,
  WorkerStatus,
} from '@vhostd/protocol';
import { amount, count, listOf, oneOf, optional, record, recordOf, text, truth } from '../narrow.js';
import type { Reader } from '../narrow.js';

/** @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parseMasterStatus(value: unknown): MasterStatus {
  const fields = record(value, 'status');
  return {
    pid: count(fields['pid'], 'status.pid'),
    listeners: listOf(listener)(fields['listeners'], 'status.listeners'),
    sites: listOf(site)(fields['sites'], 'status.sites'),
    handoff: handoff(fields['handoff'], 'status.handoff'),
    counts: counts(fields['counts'], 'status.counts'),
  };
}

/** @throws {VhostError} ERR_MESSAGE_INVALID. */
export function parseDaemonStatus(value: unknown): DaemonStatus {
  const fields = record(value, 'status');
  return {
    daemon: daemon(fields['daemon'], 'status.daemon'),
    ...optional(fields, 'master', 'status', master),
    listeners: listOf(listener)(fields['listeners'], 'status.listeners'),
    sites: listOf(site)(fields['sites'], 'status.sites'),
    ...optional(fields, 'handoff', 'status', handoff),
    ...optional(fields, 'counts', 'status', counts),
  };
}

const daemon: Reader<DaemonStatus['daemon']> = (value, path) => {
  const fields = record(value, path);
  return {
    pid: count(fields['pid'], `${path}.pid`),
    version: text(fields['version'], `${path}.version`),
    node: text(fields['node'], `${path}.node`),
    uptimeMs: amount(fields['uptimeMs'], `${path}.uptimeMs`),
  };
};

const master: Reader<NonNullable<DaemonStatus['master']>> = (value, path) => {
  const fields = record(value, path);
  return {
    pid: count(fields['pid'], `${path}.pid`),
    uptimeMs: amount(fields['uptimeMs'], `${path}.uptimeMs`),
    restarts: count(fields['restarts'], `${path}.restarts`),
  };
};

const listener: Reader<MasterStatus['listeners'][number]> = (value, path) => {
  const fields = record(value, path);
  return {
    address: text(fields['address'], `${path}.address`),
    port: count(fields['port'], `${path}.port`),
    type: oneOf('tcp', 'ssl')(fields['type'], `${path}.type`),
  };
};

const handoff: Reader<MasterStatus['handoff']> = (value, path) => {
  const fields = record(value, path);
  return {
    type: oneOf('pipe', 'ipc')(fields['type'], `${path}.type`),
    ...optional(fields, 'reason', path, text),
  };
};

const counts: Reader<MasterCounts> = (value, path) => {
  const fields = record(value, path);
  return {
    accepted: count(fields['accepted'], `${path}.accepted`),
    handedOff: count(fields['handedOff'], `${path}.handedOff`),
    handedOffAgain: count(fields['handedOffAgain'], `${path}.handedOffAgain`),
    handedBack: count(fields['handedBack'], `${path}.handedBack`),
    refused: recordOf(count)(fields['refused'], `${path}.refused`),
    refusedReasons: recordOf(count)(fields['refusedReasons'], `${path}.refusedReasons`),
    violations: count(fields['violations'], `${path}.violations`),
  };
};

const siteState: Reader<SiteState> = oneOf(
  'waiting',
  'booting',
  'running',
  'reloading',
  'sleeping',
  'stopping',
  'stopped',
  'errored',
);
const workerState: Reader<WorkerState> = oneOf(
  'booting',
  'ready',
  'draining',
  'stopping',
  'backoff',
  'errored',
  'exited',
);

const notice: Reader<NonNullable<SiteStatus['maintenance']>> = (value, path) =>
  optional(record(value, path), 'message', path, text);

const site: Reader<SiteStatus> = (value, path) => {
  const fields = record(value, path);
  return {
    siteId: text(fields['siteId'], `${path}.siteId`),
    state: siteState(fields['state'], `${path}.state`),
    generation: count(fields['generation'], `${path}.generation`),
    hosts: listOf(text)(fields['hosts'], `${path}.hosts`),
    workers: listOf(worker)(fields['workers'], `${path}.workers`),
    parked: count(fields['parked'], `${path}.parked`),
    ...optional(fields, 'paused', path, truth),
    ...optional(fields, 'maintenance', path, notice),
    ...optional(fields, 'waitsFor', path, listOf(text)),
    ...optional(fields, 'reason', path, text),
  };
};

const worker: Reader<WorkerStatus> = (value, path) => {
  const fields = record(value, path);
  return {
    workerId: text(fields['workerId'], `${path}.workerId`),
    ...optional(fields, 'pid', path, count),
    slot: count(fields['slot'], `${path}.slot`),
    generation: count(fields['generation'], `${path}.generation`),
    state: workerState(fields['state'], `${path}.state`),
    connections: count(fields['connections'], `${path}.connections`),
    restarts: count(fields['restarts'], `${path}.restarts`),
    replacements: count(fields['replacements'], `${path}.replacements`),
    ...optional(fields, 'reason', path, text),
  };
};
