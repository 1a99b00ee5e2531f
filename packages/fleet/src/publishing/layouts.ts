// The layout that a conf names.
import type { FleetSettings } from '@vhostd/protocol';
import type { Layout } from './layout-writer.js';
import { traefikLayout } from './traefik-layout.js';
import { vhostdLayout } from './vhostd-layout.js';

export function layoutOf(settings: FleetSettings): Layout {
  return LAYOUTS[settings.driver](settings);
}

const LAYOUTS: Record<FleetSettings['driver'], (settings: FleetSettings) => Layout> = {
  etcd: vhostdLayout,
  traefik: traefikLayout,
};
