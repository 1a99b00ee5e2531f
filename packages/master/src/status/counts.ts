// The counts that `vhostd status --json` shows, made out of what happens.
import type { MasterCounts } from '@vhostd/protocol';
import type { MasterEvents } from '../events.js';

export class Counts {
  readonly #counts: MasterCounts = {
    accepted: 0,
    handedOff: 0,
    acceptedDirectly: 0,
    redispatched: 0,
    handedBack: 0,
    refused: {},
    refusedReasons: {},
    violations: 0,
  };

  subscribe(events: MasterEvents): void {
    const counts = this.#counts;
    events.on('connection.accepted', () => {
      counts.accepted += 1;
    });
    events.on('connection.handed-off', ({ count }) => {
      counts.handedOff += count;
    });
    events.on('connection.accepted-directly', ({ count }) => {
      counts.acceptedDirectly += count;
    });
    events.on('connection.redispatched', () => {
      counts.redispatched += 1;
    });
    events.on('connection.handed-back', () => {
      counts.handedBack += 1;
    });
    events.on('connection.refused', ({ status, reason }) => {
      counts.refused[status] = (counts.refused[status] ?? 0) + 1;
      counts.refusedReasons[reason] = (counts.refusedReasons[reason] ?? 0) + 1;
    });
    events.on('worker.violation', () => {
      counts.violations += 1;
    });
  }

  /** Since the master started. */
  get current(): MasterCounts {
    return this.#counts;
  }
}
