// The process that publishes the sites of this machine in the fleet: a master starts it, and it ends with its master.
// Nothing that serves waits for it.
import type { FleetEdgeProgress, FleetSettings, FleetToMaster, MasterToFleet } from '@vhostd/protocol';
import { packageVersion, VhostError } from '@vhostd/protocol';
import { decoding, masterToFleet } from '@vhostd/protocol/schemas';
import { openParentLink, Peer } from '@vhostd/transport';
import { EtcdClient } from './etcd/etcd-client.js';
import { untilEdgesFollow } from './publishing/edges.js';
import type { EdgeWait } from './publishing/edges.js';
import type { Layout } from './publishing/layout-writer.js';
import { layoutOf } from './publishing/layouts.js';
import { localSiteOf } from './publishing/local-site.js';
import { hostsAlone, storeOverview } from './overview/store-overview.js';
import { MasterControl } from './publishing/master-control.js';
import { MasterSites } from './publishing/master-sites.js';
import { Publisher } from './publishing/publisher.js';
import { WantedSites } from './publishing/wanted-sites.js';

const link = openParentLink();
if (link === undefined) {
  console.error('this program is started by a master of vhostd');
  process.exit(2);
}
const peer = new Peer<FleetToMaster, MasterToFleet>(link, {
  name: 'the master',
  onEnd: () => process.exit(),
});
const control = new MasterControl(peer);
/** What works once there is a conf. */
interface Running {
  readonly publisher: Publisher;
  readonly store: EtcdClient;
  readonly settings: FleetSettings;
  readonly layout: Layout;
}

let running: Running | undefined;
let sites: MasterSites | undefined;

/** Where to publish is told once: for another conf the master starts another process. */
function begin({ settings, isOut }: MasterToFleet['configure']['params']): void {
  const store = new EtcdClient(settings);
  const version = packageVersion(import.meta.url);
  const publisher = new Publisher({
    settings,
    version,
    store,
    isOut,
    onState: (state) => peer.notify('state', state),
  });
  running = { publisher, store, settings, layout: layoutOf(settings) };
  sites = new MasterSites(control, (details) =>
    publisher.set(details.map((detail) => localSiteOf(detail, settings.address))),
  );
  void sites.run();
}

function configured(): Running {
  if (running !== undefined) return running;
  throw new VhostError('ERR_FLEET_STORE', 'the process of the fleet has no conf yet');
}

/** Resolves when the edges lead by what this machine has in the store. */
async function edgesFollowed(wait: Pick<EdgeWait, 'timeoutMs' | 'answering'>): Promise<FleetEdgeProgress[]> {
  const { publisher, store, settings, layout } = configured();
  const { root: prefix, followMs } = layout;
  const revision = (): string => publisher.revision;
  return await untilEdgesFollow(store, { ...wait, prefix, machine: settings.machine, revision, followMs });
}

peer.handle('ping', () => null);
peer.handle(
  'configure',
  decoding(masterToFleet, 'configure', (params) => {
    if (running === undefined) begin(params);
    return null;
  }),
);
/** What was drained comes back before anything is drained that is asked for later: it may be the same. */
let undrained: Promise<void> = Promise.resolve();
peer.handle(
  'drain',
  decoding(masterToFleet, 'drain', async (which) => {
    await undrained;
    const { publisher, settings } = configured();
    await publisher.drain(which);
    const edges = await edgesFollowed({ timeoutMs: settings.edgeTimeoutMs, answering: true });
    return { late: edges.filter(({ applied }) => !applied).map(({ edge }) => edge) };
  }),
);
peer.handle(
  'undrain',
  decoding(masterToFleet, 'undrain', async (which) => {
    // What they are by now, or they would be up for a moment.
    const asked = Promise.all([undrained, sites?.askAnew()]);
    undrained = asked.then(() => running?.publisher.undrain(which));
    await undrained;
    return null;
  }),
);
peer.handle('withdraw', async () => {
  await configured().publisher.withdraw();
  return null;
});
peer.handle(
  'look',
  decoding(masterToFleet, 'look', async ({ host }) => {
    const { store, layout } = configured();
    const prefix = layout.root;
    return storeOverview({ ...(await store.range(`${prefix}/`)), prefix, host });
  }),
);
let wantedSites: WantedSites | undefined;
peer.handle(
  'wantSites',
  decoding(masterToFleet, 'wantSites', ({ siteIds }) => {
    const { store, layout } = configured();
    wantedSites ??= new WantedSites(store, layout.root, (up) => peer.notify('sites', up));
    wantedSites.want(siteIds);
    return null;
  }),
);
peer.handle(
  'setOut',
  decoding(masterToFleet, 'setOut', async ({ isOut, timeoutMs }) => {
    const { publisher, store, settings, layout } = configured();
    await publisher.setOut(isOut);
    const edges = await edgesFollowed({ timeoutMs, answering: false });
    const { entries } = await store.range(`${layout.root}/hosts/`);
    const hosts = hostsAlone(layout.root, entries, settings.machine);
    return { edges, alone: { count: hosts.length, hosts: hosts.slice(0, SHOWN_HOST_COUNT) } };
  }),
);
// What a terminal says is for the master, which ends this one by its link.
process.on('SIGINT', () => undefined);
peer.start();

const SHOWN_HOST_COUNT = 10;
