// The records themselves, as JSON: what `vhostd edge` follows.
import type { FleetSettings } from '@vhostd/protocol';
import type { Layout } from './layout-writer.js';

export function vhostdLayout({ prefix }: Pick<FleetSettings, 'prefix'>): Layout {
  return {
    root: prefix,
    followMs: FOLLOW_MS,
    write: (records) => ({
      own: new Map([...records].map(([key, record]) => [key, JSON.stringify(record)])),
      shared: [],
    }),
  };
}

const FOLLOW_MS = 1000;
